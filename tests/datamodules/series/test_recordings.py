import torch

from manyviews.datamodules.series.recordings import Recording, join


def recording(length, subject, name, channels=2):
    value = torch.arange(length * channels).view(length, channels)
    return Recording(value, torch.full((length,), length % 3), subject, name)


def joined(*recordings):
    return join(recordings, rate=10.0, channels=("x", "y"), classes=("a", "b", "c"))


def test_recordings_lie_one_after_another_in_their_order():
    made = joined(recording(3, "ann", "r0"), recording(5, "bob", "r1"), recording(4, "ann", "r2"))
    assert made.offset.tolist() == [0, 3, 8, 12]
    assert made.subject.tolist() == [0, 1, 0]
    assert made.subjects == ("ann", "bob")
    assert made.value.shape == (12, 2) and made.value.dtype == torch.float32
    assert torch.equal(made.value[3:8], torch.arange(10).view(5, 2).float())


def test_a_choice_keeps_the_numbers_of_subjects_and_classes():
    made = joined(recording(3, "ann", "r0"), recording(5, "bob", "r1"), recording(4, "ann", "r2"))
    chosen = made.only(torch.tensor([2, 1]))
    assert len(chosen) == 2 and chosen.names == ("r2", "r1")
    assert chosen.offset.tolist() == [0, 4, 9]
    assert chosen.subject.tolist() == [0, 1] and chosen.subjects == made.subjects
    assert torch.equal(chosen.value[4:], made.value[3:8])
    assert torch.equal(chosen.label, torch.tensor([1] * 4 + [2] * 5))


def test_no_recording_can_be_chosen():
    chosen = joined(recording(3, "ann", "r0")).only(torch.tensor([], dtype=torch.int64))
    assert len(chosen) == 0 and chosen.value.shape == (0, 2) and chosen.offset.tolist() == [0]
