import random
from collections import Counter

import pytest

from manyviews.datamodules.whole_groups import held_groups


def held_rows(groups, classes, share):
    return [row for group in held_groups(groups, classes, share) for row in group]


def test_of_groups_of_one_each_the_first_of_every_class_are_held_out():
    groups = [[row] for row in range(20)]
    assert held_rows(groups, ["cat", "dog"] * 10, 0.2) == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_every_class_keeps_items_and_gives_about_its_share(share):
    random.seed(0)
    rows = random.sample(range(600), 600)
    groups = [rows[i : i + 6] for i in range(0, 600, 6)]
    classes = [row % 3 for row in range(600)]
    found = Counter(classes[row] for row in held_rows(groups, classes, share))
    assert all(abs(n - 200 * share) <= 6 for n in found.values()) and len(found) == 3


def test_a_group_that_holds_the_last_items_of_a_class_stays():
    groups, classes = [[0, 1], [2, 3], [4, 5]], ["cat", "eel", "cat", "dog", "cat", "dog"]
    assert held_groups(groups, classes, 0.3) == [[2, 3]]
    # Both eels are in the first group, which would bring the other class to its share.
    groups, classes = (
        [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]],
        ["cat", "cat", "eel", "eel"] + ["cat"] * 6,
    )
    assert held_groups(groups, classes, 0.25) == [[4, 5, 6]]


def test_the_smallest_of_groups_larger_than_twice_the_share_is_held_out():
    assert held_groups([[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10]], [0] * 11, 0.1) == [[4, 5, 6]]


def test_nothing_is_held_out_if_every_group_is_a_class():
    assert held_groups([[0, 1], [2, 3]], ["cat", "cat", "dog", "dog"], 0.5) == []
