import pytest
import torch

from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.window_index import starts
from manyviews.datamodules.views.series.placement import Anywhere, Candidates, Shift
from manyviews.errors import ConfigError

LENGTH = 4


def recordings(lengths=(20, 11, 30, 6), who="abab"):
    made = [
        Recording(torch.zeros(n, 1), torch.full((n,), -1), s, f"r{i}")
        for i, (n, s) in enumerate(zip(lengths, who, strict=True))
    ]
    return join(made, rate=1.0, channels=("x",), classes=("k",))


def every(place, anchor, held=None):
    """The starts that a fine comb of draws reaches from one anchor, with their counts."""
    made = starts(held or recordings(), LENGTH)
    draw = torch.arange(0, 1, 1 / 5000)
    step = place(torch.full((len(draw),), anchor), draw, made, LENGTH)
    values, counts = step.unique(return_counts=True)
    assert counts.max() - counts.min() < 0.1 * counts.max()  # equally likely
    return values.tolist()


def test_anywhere_reaches_every_start_of_the_subject_equally():
    assert every(Anywhere(), 3) == [*range(17), *range(31, 31 + 27)]


def test_candidates_reach_all_but_those_that_share_a_step_with_the_anchor():
    allowed = [s for s in (*range(17), *range(31, 58)) if abs(s - 5) >= LENGTH]
    assert every(Candidates(), 5) == allowed


def test_a_gap_of_zero_makes_the_anchor_a_candidate():
    assert every(Candidates(min_gap=0), 5) == [*range(17), *range(31, 58)]


def test_a_shift_stays_inside_the_recording_and_its_share():
    assert every(Shift(share=0.5), 0) == [0, 1, 2]
    assert every(Shift(share=0.5), 22) == [20, 21, 22, 23, 24]


def test_the_largest_draw_stays_inside():
    made, largest = starts(recordings(), LENGTH), torch.tensor([1 - 2.0**-24])
    for place in (Anywhere(), Candidates(), Shift()):
        assert int(place(torch.tensor([16]), largest, made, LENGTH)) <= 57


def test_a_subject_without_room_for_a_candidate_is_named():
    held = recordings((20, 6), "ab")
    with pytest.raises(ConfigError, match="subject 'b' can have an anchor without any candidate"):
        Candidates().check(starts(held, LENGTH), LENGTH, held.subjects)
    Candidates(min_gap=1).check(starts(held, LENGTH), LENGTH, held.subjects)


def test_the_check_is_right_about_every_anchor():
    for lengths in ((10, 4), (11, 4), (12, 4), (7, 7), (8, 8), (4, 4)):
        held = recordings(lengths, "aa")
        made = starts(held, LENGTH)
        steps = made.step(torch.arange(int(made.bound[-1])))
        _, excluded = made.near(steps, LENGTH)
        some_fail = bool((made.of_subject(steps)[1] <= excluded).any())
        try:
            Candidates().check(made, LENGTH, held.subjects)
            refused = False
        except ConfigError:
            refused = True
        assert refused >= some_fail
