import torch

from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.window_index import starts

LENGTHS, WHO = [7, 3, 9, 2, 5], ["b", "a", "b", "a", "c"]


def recordings():
    made = [
        Recording(torch.zeros(n, 1), torch.full((n,), -1), who, f"r{i}")
        for i, (n, who) in enumerate(zip(LENGTHS, WHO, strict=True))
    ]
    return join(made, rate=1.0, channels=("x",), classes=("k",))


def listed(length):
    """All starts by a loop: subject, recording, step."""
    begin = [0, 7, 10, 19, 21]
    return [
        (who, r, begin[r] + i)
        for who in "bac"  # as they first appear
        for r in range(5)
        if who == WHO[r]
        for i in range(LENGTHS[r] - length + 1)
    ]


def test_every_start_has_one_number_and_back():
    for length in (1, 3, 4):
        made, expected = starts(recordings(), length), listed(length)
        numbers = torch.arange(len(expected))
        steps = made.step(numbers)
        assert steps.tolist() == [step for *_, step in expected]
        assert made.number(steps).tolist() == numbers.tolist()


def test_the_starts_of_a_subject_are_its_own():
    made, expected = starts(recordings(), 3), listed(3)
    for who, _, step in expected:
        first, count = made.of_subject(torch.tensor([step]))
        mine = [i for i, (other, *_) in enumerate(expected) if other == who]
        assert (int(first), int(count)) == (mine[0], len(mine))


def test_near_starts_are_those_of_the_recording_within_the_gap():
    made, expected = starts(recordings(), 3), listed(3)
    for gap in (0, 1, 3, 100):
        for _, r, step in expected:
            first, count = made.near(torch.tensor([step]), gap)
            found = expected[int(first) : int(first) + int(count)]
            close = [e for e in expected if e[1] == r and abs(e[2] - step) < gap]
            assert found == close
