import pytest
import small_series
import torch

from manyviews.evaluation import retrieval


def recordings():
    return small_series.waves().train.recordings


def test_windows_within_bouts_are_those_whose_steps_have_one_class_and_one_recording():
    held = recordings()
    held.label[100:110] = -1
    recording = torch.arange(len(held)).repeat_interleave(held.length)
    expected = [
        s
        for s in range(len(held.label) - 15)
        if len(held.label[s : s + 16].unique()) == 1
        and held.label[s] >= 0
        and recording[s] == recording[s + 15]
    ]
    assert retrieval.within_bouts(held, 16).tolist() == expected


def test_candidates_are_the_anchors_own_person_a_window_away_and_of_both_states():
    held = recordings()
    subject = held.subject.repeat_interleave(held.length)
    anchor, candidates, right = retrieval.episodes(held, 16, candidates=5, count=50)
    assert candidates.shape == right.shape == (5, 50)
    assert (subject[candidates] == subject[anchor]).all()
    assert ((candidates - anchor).abs() >= 16).all()
    assert torch.equal(right, held.label[candidates] == held.label[anchor])
    assert right.any(0).all() and not right.all(0).any()
    within = retrieval.within_bouts(held, 16)
    assert torch.isin(anchor, within).all() and torch.isin(candidates, within).all()


def test_the_same_seed_gives_the_same_episodes_and_another_seed_others():
    first, again, other = (
        retrieval.episodes(recordings(), 16, count=20, seed=seed).anchor for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_people_who_do_one_thing_only_are_no_test_of_retrieval():
    held = recordings()
    held.label[:] = 0
    with pytest.raises(ValueError, match="0 of 5 episodes in 500 tries: .* two states or more"):
        retrieval.episodes(held, 16, count=5)


def test_precision_and_area_are_those_of_the_definition():
    distance = torch.tensor([[1.0, 4.0, 2.0], [2.0, 3.0, 2.0], [3.0, 1.0, 2.0], [4.0, 2.0, 2.0]])
    right = torch.tensor([[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 1]]).bool()
    assert retrieval.precision(distance, right).tolist() == [1, 0, 0]
    # right 1 and 3 against 2 and 4: three of four pairs; 4 and 2 against 3 and 1: one; ties: half
    assert retrieval.auc(distance, right).tolist() == [0.75, 0.25, 0.5]
