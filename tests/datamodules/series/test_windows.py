import dataclasses

import pytest
import torch

from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.windows import grid


def recordings(lengths=(10, 3, 7), label=None):
    """Channel 0 counts the steps of all recordings, channel 1 is the recording."""
    made, begin = [], 0
    for r, length in enumerate(lengths):
        count = torch.arange(begin, begin + length)
        value = torch.stack([count, torch.full((length,), r)], 1)
        known = torch.zeros(length, dtype=torch.int64) if label is None else label[r]
        made.append(Recording(value, known, f"s{r % 2}", f"r{r}"))
        begin += length
    return join(made, rate=10.0, channels=("count", "recording"), classes=("a", "b", "c"))


def test_no_window_crosses_a_recording():
    windows = grid(recordings(), 4, stride=1)
    _, of = windows.values(windows.start).unbind(1)
    assert torch.equal(of, windows.recording[:, None].expand(-1, 4).float())
    assert windows.start.tolist() == [*range(7), *range(13, 17)]


def test_windows_stand_next_to_each_other_by_default():
    windows = grid(recordings(), 4)
    assert windows.start.tolist() == [0, 4, 13]
    assert windows.recording.tolist() == [0, 0, 2]
    assert windows.subject.tolist() == [0, 0, 0]


def test_a_recording_of_just_the_length_gives_one_window():
    assert grid(recordings((4, 4)), 4).start.tolist() == [0, 4]


def test_values_are_channels_by_steps():
    windows = grid(recordings(), 4)
    sample = windows.sample(torch.tensor([2, 0]))
    assert sample.input.shape == (2, 2, 4) and sample.input.dtype == torch.float32
    assert sample.input[0, 0].tolist() == [13, 14, 15, 16]
    assert sample.position.tolist() == [2, 0]


def test_label_is_that_of_the_majority_where_it_is_pure_enough():
    label = [torch.tensor([0, 0, 0, 1, 1, 1, 1, 1, 2, -1])]
    made = recordings((10,), label)
    assert grid(made, 5).label.tolist() == [-1, -1]
    assert grid(made, 5, min_purity=0.6).label.tolist() == [0, 1]
    assert grid(made, 10, min_purity=0.5).label.tolist() == [1]
    assert grid(made, 10, min_purity=0.51).label.tolist() == [-1]


def test_a_share_that_floats_cannot_hold_is_met_by_just_as_many_steps():
    label = [torch.tensor([1] * 9 + [0])]
    assert grid(recordings((10,), label), 10, min_purity=0.9).label.tolist() == [1]


def test_mostly_unknown_steps_make_an_unknown_window():
    label = [torch.tensor([-1, -1, -1, 2, 2])]
    assert grid(recordings((5,), label), 5, min_purity=0.1).label.tolist() == [-1]


def test_labels_elsewhere_than_on_the_grid_are_found_likewise():
    label = [torch.tensor([0, 0, 1, 1, 1, 1, 2, 2, 2, 2])]
    windows = grid(recordings((10,), label), 4)
    assert windows.labels(torch.tensor([2, 6, 3])).tolist() == [1, 2, -1]


def test_batches_come_in_their_order_and_are_prepared():
    windows = grid(recordings(), 4)
    batches = [torch.tensor([1]), torch.tensor([0, 2])]
    assert [s.position.tolist() for s in windows.samples(batches)] == [[1], [0, 2]]

    def later(split, rows, epoch):
        return split.sample(rows)._replace(input=split.values(split.start[rows] + epoch))

    first, _ = windows.samples(batches, later, 2)
    assert first.input[0, 0].tolist() == [6, 7, 8, 9]


@pytest.mark.parametrize("part", ["value", "label", "start"])
def test_fingerprint_changes_with_a_single_number(part):
    before = grid(recordings(), 4).fingerprint()
    windows = grid(recordings(), 4)
    assert windows.fingerprint() == before
    held = windows if part == "start" else windows.recordings
    getattr(held, part)[1] += 1
    assert windows.fingerprint() != before


def test_fingerprint_knows_the_rate():
    windows = grid(recordings(), 4)
    other = dataclasses.replace(windows.recordings, rate=20.0)
    assert grid(other, 4).fingerprint() != windows.fingerprint()
