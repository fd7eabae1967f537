import pytest
import torch
from scipy import stats

from manyviews.evaluation.intervals import accuracy, bootstrap, paired, resamples


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


@pytest.mark.parametrize(("right", "all_of"), [(40, 40), (0, 40), (1, 1), (0, 1)])
def test_all_right_or_all_wrong_has_the_exact_interval_of_the_binomial(right, all_of):
    found = accuracy(torch.tensor([1.0] * right + [0.0] * (all_of - right)))
    exact = stats.binomtest(right, all_of).proportion_ci(0.95, method="exact")
    assert found.low == pytest.approx(exact.low) and found.high == pytest.approx(exact.high)


def test_an_ordinary_accuracy_has_the_interval_of_the_bootstrap():
    right = (torch.arange(50) % 3 == 0).float()
    assert accuracy(right) == bootstrap(right)
