import pytest
import torch

from manyviews.evaluation.measures.spectrum import effective_rank, eigenvalues, rankme


def test_orthogonal_features_have_full_rank():
    assert effective_rank(torch.eye(7)) == pytest.approx(7)
    assert rankme(torch.eye(7)) == pytest.approx(7, rel=1e-4)


def test_collapsed_features_have_rank_one():
    assert effective_rank(torch.ones(9, 5)) == pytest.approx(1)
    assert rankme(torch.ones(9, 5)) == pytest.approx(1, abs=1e-4)


def test_eigenvalues_are_a_descending_distribution_that_ignores_the_scale_of_rows():
    x = torch.randn(30, 6)
    values = eigenvalues(x)
    assert float(values.sum()) == pytest.approx(1) and bool((values.diff() <= 0).all())
    torch.testing.assert_close(
        values, eigenvalues(x * torch.rand(30, 1).add(0.5)), rtol=1e-5, atol=1e-7
    )
