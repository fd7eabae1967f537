import pytest
import torch

from manyviews.errors import ConfigError
from manyviews.evaluation.hold_out import held_out


def test_a_class_of_one_item_stays_among_the_rows_to_fit_on():
    label = torch.tensor([0] * 6 + [1] * 3 + [2])
    kept, held = held_out(label, 0.1, 0)
    assert sorted([*kept, *held]) == [*range(10)] and 9 in kept
    assert set(label[held].tolist()) == {0, 1}


def test_fewer_items_than_ten_per_class_are_held_out_by_class():
    _, held = held_out(torch.arange(8).repeat(3), 0.1, 0)
    assert sorted((held % 8).tolist()) == [*range(8)]


def test_nothing_can_be_held_out_of_classes_of_one_item():
    with pytest.raises(ConfigError, match="no class has two labelled training items"):
        held_out(torch.arange(4), 0.1, 0)


def test_a_person_is_held_out_whole():
    label, group = torch.arange(300) % 3, torch.arange(300) // 30
    kept, held = held_out(label, 0.1, 0, group)
    assert sorted([*kept.tolist(), *held.tolist()]) == [*range(300)]
    assert len(group[held].unique()) == 1
    assert not torch.isin(group[held], group[kept]).any()


def test_rows_of_unknown_group_are_groups_of_their_own():
    label, group = torch.arange(300) % 3, torch.full((300,), -1)
    group[:150] = torch.arange(150) // 75
    kept, held = held_out(label, 0.1, 0, group)
    for person in (0, 1):
        among = torch.isin(torch.arange(150)[group[:150] == person], held)
        assert among.all() or not among.any()
    assert len(kept) + len(held) == 300 and 20 <= len(held) <= 120


def test_one_group_is_held_out_by_rows():
    label = torch.arange(40) % 2
    kept, held = held_out(label, 0.1, 0, torch.zeros(40, dtype=torch.int64))
    assert len(held) == 4 and len(kept) == 36
