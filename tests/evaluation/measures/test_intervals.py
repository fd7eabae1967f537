import pytest
import torch
from scipy import stats

from manyviews.evaluation.measures.intervals import (
    accuracy,
    bootstrap,
    grouped,
    numbered,
    paired,
    resamples,
    wilson,
)


def test_interval_is_near_the_binomial_one():
    score = (torch.arange(1000) < 830).float()
    found = bootstrap(score)
    low, high = stats.binom.ppf([0.025, 0.975], 1000, 0.83) / 1000
    assert found.value == pytest.approx(0.83)
    assert (found.low, found.high) == (
        pytest.approx(low, abs=0.004),
        pytest.approx(high, abs=0.004),
    )


def test_the_same_scores_give_the_same_interval():
    score = torch.rand(50)
    assert bootstrap(score) == bootstrap(score)


def test_few_and_many_distinct_values_have_the_same_interval_up_to_chance():
    few = (torch.arange(1000) % 10).double()
    many = few + 1e-9 * torch.arange(1000)
    assert bootstrap(many) == pytest.approx(bootstrap(few), abs=0.02)


def test_pairing_is_narrower_than_the_two_intervals():
    torch.manual_seed(0)
    a = (torch.rand(500) < 0.8).float()
    b = a.clone()
    b[:10] = 0
    gain, alone = paired(a, b), bootstrap(a)
    assert gain.value == pytest.approx(float(a[:10].sum()) / 500)
    assert gain.high - gain.low < (alone.high - alone.low) / 2


def test_no_difference_is_exactly_zero():
    assert paired(torch.ones(9), torch.ones(9)) == (0, 0, 0)


def test_resamples_draw_as_many_items_as_there_are_and_do_not_depend_on_their_pieces():
    together = torch.cat([*resamples(50, draws=30)])
    apart = [*resamples(50, draws=30, cells=2**20)]
    assert len(apart) == 8 and torch.equal(torch.cat(apart), together)
    assert (together.sum(1) == 50).all() and together.shape == (30, 50)


@pytest.mark.parametrize(("right", "all_of"), [(40, 40), (0, 40), (1, 1), (0, 1), (3, 50)])
def test_few_right_or_few_wrong_items_have_the_interval_of_wilson(right, all_of):
    found = accuracy(torch.tensor([1.0] * right + [0.0] * (all_of - right)))
    theirs = stats.binomtest(right, all_of).proportion_ci(0.95, method="wilson")
    assert found == wilson(right, all_of)
    assert found.low == pytest.approx(theirs.low) and found.high == pytest.approx(theirs.high)


def test_an_ordinary_accuracy_has_the_interval_of_the_bootstrap():
    right = (torch.arange(50) % 3 == 0).float()
    assert accuracy(right) == bootstrap(right)


@pytest.mark.parametrize(
    ("items", "share"), [(200, 0.5), (200, 0.9), (500, 0.97), (200, 0.99), (60, 0.8)]
)
def test_an_interval_of_95_percent_holds_the_true_share_in_90_to_98_percent(items, share):
    covered = 0.0
    for right in range(items + 1):
        if (chance := stats.binom.pmf(right, items, share)) > 1e-5:
            found = accuracy((torch.arange(items) < right).float())
            covered += chance * (found.low <= share <= found.high)
    assert 0.90 <= covered <= 0.98


@pytest.mark.parametrize("groups", [5, 8, 20])
def test_resampling_groups_covers_the_share_of_all_groups_and_resampling_items_does_not(groups):
    generator = torch.Generator().manual_seed(2)
    tries, each = 300, 30
    of = torch.arange(groups).repeat_interleave(each)
    covered = {"groups": 0, "items": 0}
    for _ in range(tries):
        skill = 0.5 + 0.6 * (torch.rand(groups, generator=generator) - 0.5)  # 0.2 to 0.8
        right = (torch.rand(len(of), generator=generator) < skill[of]).float()
        for kind, found in (("groups", grouped(right, of)), ("items", bootstrap(right))):
            covered[kind] += found.low <= 0.5 <= found.high
    assert 0.90 <= covered["groups"] / tries <= 0.98
    assert covered["items"] / tries < 0.85


def test_items_of_unknown_group_are_drawn_one_by_one():
    assert numbered(torch.tensor([4, -1, 4, -1])).unique().numel() == 3
    alone = grouped(torch.arange(30).double(), torch.full((30,), -1))
    # The same draws as of single items, numbered in another order.
    assert alone.value == 14.5 and alone.low == pytest.approx(11.5, abs=1.0)


def test_resamples_of_groups_draw_all_items_of_a_group_equally_often():
    group = torch.tensor([3, 3, 3, 9, 9, -1])
    weight = torch.cat([*resamples(6, group=group, draws=40)])
    assert (weight[:, :3] == weight[:, :1]).all() and (weight[:, 3] == weight[:, 4]).all()
    assert ((weight[:, 0] + weight[:, 3] + weight[:, 5]) == 3).all()
