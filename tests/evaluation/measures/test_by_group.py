import pytest
import torch
from scipy import stats

from manyviews.evaluation.measures.by_group import by_group

PERSON = torch.tensor([2, 2, 2, 2, 0, 0])
RIGHT = {
    "trained": torch.tensor([1.0, 1, 1, 0, 1, 1]),
    "random": torch.tensor([0.0, 1, 1, 0, 0, 1]),
}


def test_each_person_weighs_the_same_whatever_their_share_of_the_items():
    trained, random = by_group(RIGHT, PERSON, ("ann", "bob", "cy"))
    assert trained["each"] == [
        {"name": "ann", "value": 1.0, "n": 2},
        {"name": "cy", "value": 0.75, "n": 4},
    ]
    assert (trained["subject"], trained["value"], trained["n"]) == ("trained", 0.875, 2)
    assert random["minus"]["value"] == 0.375


def test_the_interval_is_over_people():
    trained, random = by_group(RIGHT, PERSON, ("ann", "bob", "cy"))
    # Two people: a resample is one of them twice, or both; Student's t with one degree of freedom
    # makes the interval as wide as everything that is possible.
    assert (trained["low"], trained["high"]) == (0.0, 1.0)
    ratio = stats.t.ppf(0.975, 1) / stats.norm.ppf(0.975) * 2**0.5
    assert random["minus"]["low"] == pytest.approx(0.375 - ratio * 0.125)
    assert random["minus"]["high"] == pytest.approx(0.375 + ratio * 0.125)


def test_one_person_has_an_interval_of_no_width():
    (row,) = by_group({"trained": RIGHT["trained"]}, torch.zeros(6).long(), ("ann",))
    assert row["low"] == row["value"] == row["high"] == pytest.approx(5 / 6)


def test_fewer_than_five_people_never_say_beats():
    four, five = (
        by_group({"trained": torch.ones(n), "random": torch.zeros(n)}, torch.arange(n), "abcde")
        for n in (4, 5)
    )
    assert four[1]["minus"]["beats"] is None and five[1]["minus"]["beats"] is True


def test_items_of_unknown_group_are_left_out():
    (row,) = by_group({"trained": torch.tensor([1.0, 0.0])}, torch.tensor([0, -1]), ("ann",))
    assert (row["value"], row["n"]) == (1.0, 1)
