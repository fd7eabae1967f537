import math

import pytest
import torch
from torch.nn.functional import normalize, pdist

from manyviews.evaluation.measures import alignment as module
from manyviews.evaluation.measures.alignment import alignment, uniformity
from manyviews.evaluation.measures.undefined import Undefined


def test_alignment_is_the_mean_squared_distance_of_all_pairs_of_views():
    z = torch.randn(20, 4, 6).double()
    each = [pdist(sample).square().mean() for sample in normalize(z, dim=2)]
    assert alignment(z) == pytest.approx(float(torch.stack(each).mean()), rel=1e-9)


def test_alignment_of_equal_views_is_zero_and_of_opposite_views_four():
    a = torch.randn(9, 1, 5)
    assert alignment(a.expand(9, 3, 5)) == pytest.approx(0, abs=1e-6)
    assert alignment(torch.cat([a, -2 * a], 1)) == pytest.approx(4)


@pytest.mark.parametrize("piece", [1, 7 * 31, 2**22])
def test_uniformity_is_its_definition_by_pieces_of_any_length(piece, monkeypatch):
    monkeypatch.setattr(module, "PIECE", piece)
    z = torch.randn(31, 6)
    expected = pdist(normalize(z.double())).square().mul(-2).exp().mean().log()
    assert uniformity(z) == pytest.approx(float(expected), rel=1e-5)


def test_uniformity_is_zero_at_collapse_and_known_for_two_opposite_points():
    assert uniformity(torch.ones(40, 3)) == pytest.approx(0, abs=1e-5)
    assert uniformity(torch.tensor([[1.0, 0.0], [-3.0, 0.0]])) == pytest.approx(-8)


def test_points_spread_over_the_sphere_are_near_the_lowest_uniformity():
    # In many dimensions all squared distances are near 2, so that the mean is near exp(-4).
    assert uniformity(torch.randn(2000, 512)) == pytest.approx(-4, abs=0.05)
    assert math.isfinite(uniformity(torch.zeros(5, 3)))


def test_a_single_row_or_view_is_refused_in_words():
    with pytest.raises(Undefined, match="2 or more embeddings; got 1"):
        uniformity(torch.ones(1, 4))
    with pytest.raises(Undefined, match="2 or more views of a sample; got 1"):
        alignment(torch.ones(4, 1, 3))
