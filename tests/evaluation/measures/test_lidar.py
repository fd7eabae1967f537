"""Known values are those of numpy with seed 0 in float64, for D = 64 and 1000 x 50 views."""

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power

from manyviews.evaluation.measures import lidar as module
from manyviews.evaluation.measures.lidar import fisher_ratio, lidar, scatter
from manyviews.evaluation.measures.spectrum import rankme
from manyviews.evaluation.measures.undefined import Undefined


def features(samples=1000, views=10, dim=64, between=1.0, within=1.0, informative=None):
    """Views around means that differ in the first `informative` directions, or in all."""
    random = np.random.default_rng(0)
    mean = np.zeros((samples, 1, dim))
    size = (samples, 1, informative or dim)
    mean[:, :, : informative or dim] = between * random.standard_normal(size)
    return torch.from_numpy(mean + within * random.standard_normal((samples, views, dim)))


def by_definition(z, delta=1e-4):
    """The formula written out, with numpy's covariance and scipy's matrix power."""
    n, q, dim = z.shape
    mean = z.mean(1)
    between = np.cov(mean, rowvar=False)
    rest = (z - mean[:, None]).reshape(-1, dim)
    within = rest.T @ rest / (n * (q - 1)) + delta * np.eye(dim)
    root = fractional_matrix_power(within, -0.5)
    value = np.linalg.eigvalsh(root @ between @ root)
    p = value / value.sum() + 1e-8
    return np.exp(-(p * np.log(p)).sum())


@pytest.mark.parametrize("options", [{}, {"informative": 8}, {"samples": 40}, {"views": 2}])
def test_it_is_its_definition(options):
    z = features(**{"samples": 200, "dim": 16, **options})
    assert lidar(scatter(z)) == pytest.approx(by_definition(z.numpy()), rel=1e-9)


def test_pieces_of_any_length_give_the_same(monkeypatch):
    z = features(50, 3, 8)
    whole = scatter(z)
    monkeypatch.setattr(module, "PIECE", 7 * 3 * 8)
    torch.testing.assert_close(scatter(z)[:2], whole[:2], rtol=1e-12, atol=1e-12)


def test_eight_informative_directions_of_64_are_eight_and_rankme_does_not_see_it():
    z = features(views=50, within=0.1, informative=8)
    assert lidar(scatter(z)) == pytest.approx(8.06, rel=1e-3)
    assert rankme(z.flatten(0, 1)) == pytest.approx(34.9, rel=2e-3)


def test_a_high_value_alone_says_nothing_and_the_fisher_ratio_tells_the_cases_apart():
    shared = features(views=50)
    shuffled = shared.flatten(0, 1)[torch.randperm(50_000)].unflatten(0, (1000, 50))
    nothing = features(views=50, between=0.0)
    for z, ratio in ((shared, 1.02), (shuffled, 0.02), (nothing, 0.02)):
        found = scatter(z)
        assert lidar(found) == pytest.approx(61.9, abs=0.2)
        assert fisher_ratio(found) == pytest.approx(ratio, rel=0.03)


def test_views_without_any_difference_have_a_high_value_and_no_ratio():
    found = scatter(features(within=0.0))
    assert lidar(found) == pytest.approx(62.0, abs=0.2)
    with pytest.raises(Undefined, match="all views of a sample have the same features"):
        fisher_ratio(found)


def test_few_samples_make_the_value_lower_and_cap_it():
    z = features(samples=100, within=0.1, informative=8)
    assert lidar(scatter(z)) == pytest.approx(7.85, abs=0.15)
    assert lidar(scatter(features(samples=20))) < 19


@pytest.mark.parametrize("value", [0.0, 0.1, 3.0])
def test_total_collapse_is_said(value):
    same = torch.full((30, 4, 8), value) * (1 + 1e-7 * torch.randn(30, 4, 8))
    with pytest.raises(Undefined, match="^collapsed: the features of all views of all samples"):
        scatter(same)


def test_samples_whose_views_have_one_mean_are_said():
    views = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).expand(30, 2, 2)
    with pytest.raises(Undefined, match="^collapsed: the mean of the views is the same"):
        lidar(scatter(views))


@pytest.mark.parametrize("shape", [(1, 4, 8), (4, 1, 8)])
def test_one_sample_or_one_view_is_refused_in_words(shape):
    with pytest.raises(Undefined, match=f"2 or more.*got {shape[0]} and {shape[1]}"):
        scatter(torch.randn(shape))
