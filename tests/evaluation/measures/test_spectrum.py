"""Known values are those of numpy with seed 0 in float64, up to 1e-3."""

import numpy as np
import pytest
import torch

from manyviews.evaluation.measures import spectrum
from manyviews.evaluation.measures.spectrum import (
    EPSILON,
    effective_rank,
    eigenvalues,
    entropy_rank,
    rankme,
    singular_values,
)
from manyviews.evaluation.measures.undefined import Undefined


def normal(rows, columns):
    return torch.from_numpy(np.random.default_rng(0).standard_normal((rows, columns)))


def rankme_by_definition(z):
    singular = np.linalg.svd(z.numpy(), compute_uv=False)
    p = singular / singular.sum() + 1e-7
    return np.exp(-(p * np.log(p)).sum())


def test_orthogonal_features_have_full_rank():
    assert effective_rank(torch.eye(7)) == pytest.approx(7)
    assert rankme(torch.eye(7)) == pytest.approx(7, rel=1e-4)


def test_collapsed_features_have_rank_one():
    assert effective_rank(torch.ones(9, 5)) == pytest.approx(1)
    assert rankme(torch.ones(9, 5)) == pytest.approx(1, abs=1e-4)


def test_features_that_are_all_zero_have_rank_one():
    assert effective_rank(torch.zeros(9, 5)) == pytest.approx(1)
    assert rankme(torch.zeros(9, 5)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (1, 8)])
def test_rankme_is_its_definition_for_many_and_for_few_rows(shape):
    assert rankme(normal(*shape)) == pytest.approx(rankme_by_definition(normal(*shape)), rel=1e-6)


def test_rankme_of_known_matrices():
    orthonormal = torch.linalg.qr(normal(4096, 512)).Q
    assert rankme(orthonormal) == pytest.approx(512.14, abs=5e-3)
    assert rankme(torch.ones(4096, 512)) == pytest.approx(1.0008, abs=5e-5)
    assert rankme(normal(4096, 5) @ torch.eye(5, 512).double()) == pytest.approx(5.0, rel=1e-3)
    assert rankme(normal(1000, 1024)) == pytest.approx(813.9, rel=1e-3)


@pytest.mark.parametrize(("dim", "expected"), [(512, 503.8), (128, 127.5)])
def test_rankme_of_normal_numbers(dim, expected):
    assert rankme(normal(4096, dim)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("rows", "expected"), [(256, 237), (512, 412), (1024, 474), (8192, 508)])
def test_rankme_depends_on_the_number_of_rows(rows, expected):
    assert rankme(normal(rows, 512)) == pytest.approx(expected, abs=0.5)


@pytest.mark.slow
def test_rankme_of_as_many_rows_as_its_authors_take():
    assert rankme(normal(25600, 512)) == pytest.approx(510.8, rel=1e-3)


def test_a_large_mean_dominates_rankme_unless_it_is_subtracted():
    moved = normal(4096, 512) + 10
    assert rankme(moved) == pytest.approx(135.4, rel=1e-3)
    centred = entropy_rank(singular_values(moved, centred=True), EPSILON)
    assert centred == pytest.approx(503.8, rel=1e-3)


def test_eigenvalues_in_the_place_of_singular_values_are_another_number():
    values = singular_values(normal(1000, 1024))
    assert entropy_rank(values.square()) == pytest.approx(613.7, rel=1e-3)


def test_effective_rank_of_the_covariance_of_normal_numbers():
    values = singular_values(normal(4096, 512), centred=True)
    assert entropy_rank(values.square()) == pytest.approx(480.8, rel=1e-3)


@pytest.mark.parametrize("shape", [(90, 7), (7, 90)])
@pytest.mark.parametrize("centred", [False, True])
def test_singular_values_are_those_of_numpy_by_pieces_of_any_length(shape, centred, monkeypatch):
    monkeypatch.setattr(spectrum, "PIECE", 35)  # five rows or columns at once
    z = normal(*shape) + 3
    expected = np.linalg.svd((z - z.mean(0) * centred).numpy(), compute_uv=False)
    found = singular_values(z, centred=centred)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)


def test_centred_features_that_are_equal_up_to_rounding_are_called_collapsed():
    same = torch.full((50, 6), 0.1) * (1 + 1e-7 * torch.randn(50, 6))
    with pytest.raises(Undefined, match="^collapsed: all embeddings are equal up to rounding"):
        singular_values(same, centred=True)
    with pytest.raises(Undefined, match="^collapsed"):
        singular_values(torch.zeros(50, 6), centred=True)


def test_eigenvalues_are_a_descending_distribution_that_ignores_the_scale_of_rows():
    x = torch.randn(30, 6)
    values = eigenvalues(x)
    assert float(values.sum()) == pytest.approx(1) and bool((values.diff() <= 0).all())
    torch.testing.assert_close(
        values, eigenvalues(x * torch.rand(30, 1).add(0.5)), rtol=1e-5, atol=1e-7
    )
