import numpy as np
import pytest
import torch
from torch.nn import functional as F

from manyviews.evaluation.embedding_map import planes


def test_the_first_plane_is_that_of_the_two_largest_singular_values():
    torch.manual_seed(0)
    embedding = torch.randn(60, 8) * torch.tensor([5.0, 3, 1, 1, 1, 1, 1, 1])
    rows = F.normalize(embedding, dim=1).double()
    rows = rows - rows.mean(0)
    u, s, _ = torch.linalg.svd(rows, full_matrices=False)
    expected = (u * s)[:, :2].numpy()
    found = planes(embedding)["pca"]
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-4, atol=1e-6)


def test_the_same_embeddings_have_the_same_places():
    embedding = torch.randn(30, 4)
    assert np.array_equal(planes(embedding)["pca"], planes(embedding)["pca"])


@pytest.mark.parametrize("count, width", [(3, 4), (0, 4)])
def test_too_few_items_have_no_map(count, width):
    assert planes(torch.randn(count, width)) == {}


def test_one_dimension_has_a_second_coordinate_of_zero():
    found = planes(torch.randn(10, 1))["pca"]
    assert found.shape == (10, 2) and not found[:, 1].any()


def test_umap_is_there_if_it_is_installed_and_gives_the_same_places_again():
    pytest.importorskip("umap", reason="pip install 'manyviews[umap]'")
    embedding = torch.randn(60, 8)
    found = planes(embedding)["umap"]
    assert found.shape == (60, 2) and np.array_equal(found, planes(embedding)["umap"])
