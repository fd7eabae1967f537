import numpy as np
import pytest
from scipy.stats import spearmanr

from manyviews.evaluation.proxies import Point, proxies, rank_correlation, resampled


def points(count=20, **measures):
    """Points whose probe is 0, 1, 2, ... and whose measures are functions of it."""
    return [
        Point(f"run {i}", float(i), {name: float(of(i)) for name, of in measures.items()})
        for i in range(count)
    ]


def test_the_rank_correlation_is_that_of_scipy_with_equal_values_too():
    random = np.random.default_rng(0)
    a, b = random.integers(5, size=(2, 10, 30)).astype(float)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected, rtol=1e-12)


def test_a_row_of_one_value_has_no_correlation():
    a = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    found = rank_correlation(a, a[::-1])
    assert np.isnan(found).all()


def test_the_best_proxy_comes_first_whichever_way_its_measure_points():
    random = np.random.default_rng(0)
    noise = random.standard_normal(20)
    found = proxies(
        points(
            rankme=lambda i: i + 3 * noise[i],
            uniformity=lambda i: -i,
            alpha_req=lambda i: 1 + (20 - i) * (-1) ** i,
            lidar=lambda i: -i,
        )
    )
    assert {found[0].measure, found[1].measure} == {"uniformity", "alpha_req"}
    assert [proxy.measure for proxy in found[2:]] == ["rankme", "lidar"]
    assert [proxy.rho for proxy in (found[0], found[-1])] == pytest.approx([1, -1])


def test_the_interval_holds_the_value_and_the_same_points_give_the_same_one():
    noise = np.random.default_rng(1).standard_normal(20)
    given = points(rankme=lambda i: i + 8 * noise[i])
    (first,), (again,) = proxies(given), proxies(given)
    assert first == again
    rho, low, high = first.rho, first.low, first.high
    assert rho is not None and low is not None and high is not None
    assert low < rho < high <= 1
    expected = spearmanr(range(20), [p.measures["rankme"] for p in given]).statistic
    assert first.rho == pytest.approx(expected)


def test_the_interval_is_the_percentiles_of_scipy_s_correlation_on_resamples():
    random = np.random.default_rng(0)
    value, probe = random.standard_normal((2, 12))
    rows = np.random.default_rng(0).integers(12, size=(2000, 12))
    expected = [spearmanr(value[r], probe[r]).statistic for r in rows[:40]]
    np.testing.assert_allclose(resampled(value, probe)[:40], expected, rtol=1e-9)


def test_intervals_of_noisy_proxies_cover_the_truth():
    """The rank correlation of two normals with correlation r is 6/pi asin(r/2)."""
    truth, covered = 6 / np.pi * np.arcsin(0.6 / 2), 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        x, noise = random.standard_normal((2, 40))
        y = 0.6 * x + 0.8 * noise
        given = [Point(str(i), y[i], {"rankme": x[i]}) for i in range(40)]
        (found,) = proxies(given)
        covered += found.low <= truth <= found.high
    assert 0.88 <= covered / 60 <= 1


def test_below_eight_points_no_number_is_given():
    (found,) = proxies(points(7, rankme=lambda i: i))
    assert (found.rho, found.low, found.said) == (None, None, "too few: 7 points, at least 8")
    (found,) = proxies(points(8, rankme=lambda i: i))
    assert found.rho == pytest.approx(1)
    assert found.said == "all 8 points are in one order, so that the interval has no width"


def test_a_measure_that_some_points_lack_counts_the_others():
    given = points(20, rankme=lambda i: i)
    given[:15] = [point._replace(measures={}) for point in given[:15]]
    (found,) = proxies(given)
    assert (found.points, found.rho) == (5, None)


def test_a_measure_of_one_value_is_said():
    (found,) = proxies(points(9, rankme=lambda i: 3))
    assert (found.rho, found.said) == (None, "the measure has the same value for all points")
