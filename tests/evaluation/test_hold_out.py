import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

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


def test_the_hold_out_of_single_rows_is_scikit_learns():
    label = torch.arange(200) % 7
    kept, held = held_out(label, 0.1, 3)
    expected = train_test_split(np.arange(200), test_size=0.1, random_state=3, stratify=label)
    assert [kept.tolist(), held.tolist()] == [part.tolist() for part in expected]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_groups_give_about_the_share_of_each_class(share):
    rng = torch.Generator().manual_seed(0)
    group, label = torch.arange(1200) % 60, torch.randint(3, (1200,), generator=rng)
    _, held = held_out(label, share, 0, group)
    for count, total in zip(label[held].bincount(), label.bincount(), strict=True):
        assert float(count / total) == pytest.approx(share, abs=0.06)


def test_another_seed_holds_out_other_groups():
    label, group = torch.arange(400) % 2, torch.arange(400) // 20
    found = [group[held_out(label, 0.1, seed, group)[1]].unique().tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_a_person_who_alone_shows_a_class_stays_among_the_rows_to_fit_on():
    group = torch.arange(40) // 10
    label = torch.where(group == 2, 1, 0)  # the second class is of one person
    for seed in range(8):
        kept, held = held_out(label, 0.3, seed, group)
        assert 2 not in group[held] and set(label[kept].tolist()) == {0, 1}


def test_people_of_one_class_each_are_held_out_by_rows():
    label = group = torch.arange(30) // 10
    kept, held = held_out(label, 0.2, 0, group)
    assert label[held].bincount().tolist() == [2, 2, 2] and len(kept) == 24


def test_people_with_rare_classes_are_held_out_without_a_warning():
    """Folds of scikit-learn warn where a class has fewer items than there are folds."""
    label = torch.tensor([0] * 30 + [1] * 2)
    group = torch.arange(32) % 16
    kept, held = held_out(label, 0.1, 0, group)
    assert not torch.isin(group[held], group[kept]).any() and (label[kept] == 1).any()


def test_one_class_alone_is_held_out():
    label = torch.zeros(20, dtype=torch.int64)
    for group in (None, torch.arange(20) // 5):
        kept, held = held_out(label, 0.25, 0, group)
        assert len(held) == 5 and len(kept) == 15


@pytest.mark.parametrize("seed", range(5))
def test_a_large_share_leaves_every_class_something_to_fit_on(seed):
    label = torch.tensor([0] * 30 + [1] * 2 + [2] * 3)
    kept, held = held_out(label, 0.9, seed)
    assert set(label[kept].tolist()) == {0, 1, 2}
    assert sorted([*kept.tolist(), *held.tolist()]) == [*range(35)] and len(held) > 25
