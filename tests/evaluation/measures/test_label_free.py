import math

import pytest
import torch

from manyviews.evaluation.measures.label_free import merit, of_embeddings, of_views
from manyviews.evaluation.measures.spectrum import effective_rank, rankme
from manyviews.evaluation.words import LABEL_FREE


def of(found):
    return {scalar.name: scalar for scalar in found}


def test_every_measure_has_words_and_says_how_it_was_computed():
    found = of([*of_embeddings(torch.randn(400, 128)), *of_views(torch.randn(300, 3, 128))])
    assert {*found} == {*LABEL_FREE}
    assert all(math.isfinite(scalar.value) for scalar in found.values())
    details = found["rankme"].details
    assert (details["n"], details["dim"], details["epsilon"]) == (400, 128, 1e-7)
    assert not details["centred"] and not details["normalised"]
    assert found["rankme_centred"].details["centred"]
    assert found["effective_rank"].details["normalised"]
    assert found["alpha_req"].details["window"] == [11, 100]
    assert 0 < found["alpha_req"].details["r2"] <= 1
    assert found["lidar"].details["delta"] == 1e-4
    assert (found["lidar"].details["n"], found["lidar"].details["q"]) == (300, 3)


def test_values_are_those_of_the_measures_themselves():
    z = torch.randn(400, 20) + 1
    found = of(of_embeddings(z))
    assert found["rankme"].value == rankme(z)
    assert found["effective_rank"].value == effective_rank(z)
    assert found["rankme_centred"].value == pytest.approx(rankme(z - z.mean(0)), rel=1e-6)
    values = torch.linalg.eigvalsh(torch.cov(z.mT.double()))
    p = values / values.sum()
    expected = float(torch.exp(-(p * p.log()).sum()))
    assert found["effective_rank_centred"].value == pytest.approx(expected, rel=1e-6)


def test_a_narrow_backbone_has_no_alpha_and_the_details_say_why():
    found = of(of_embeddings(torch.randn(400, 64)))
    assert found["alpha_req"].value is None
    assert (
        "needs 90 positive ones; these features have 54" in found["alpha_req"].details["undefined"]
    )
    assert "r2" not in found["alpha_req"].details


def test_collapse_gives_no_number_that_is_not_finite_and_is_said():
    same = torch.ones(200, 128)
    found = of([*of_embeddings(same), *of_views(torch.ones(50, 4, 128))])
    assert found["rankme"].value == pytest.approx(1, abs=1e-3)
    for name in ("rankme_centred", "effective_rank_centred", "alpha_req", "lidar", "fisher_ratio"):
        assert found[name].value is None
        assert found[name].details["undefined"].startswith("collapsed")
    assert found["uniformity"].value == pytest.approx(0, abs=1e-4)
    assert found["alignment"].value == pytest.approx(0, abs=1e-4)


def test_fewer_items_than_dimensions_are_said():
    found = of([*of_embeddings(torch.randn(30, 128)), *of_views(torch.randn(30, 4, 128))])
    assert (
        "30 embeddings of 128 dimensions: no rank can exceed 30" in found["rankme"].details["note"]
    )
    assert "30 samples are fewer than twice the 128 dimensions" in found["lidar"].details["note"]
    assert "at most 29" in found["lidar"].details["note"]


def test_one_item_has_a_clear_answer():
    found = of([*of_embeddings(torch.randn(1, 8)), *of_views(torch.randn(1, 4, 8))])
    assert found["rankme"].value == pytest.approx(1, abs=1e-5)
    assert "2 or more embeddings" in found["uniformity"].details["undefined"]
    assert "2 or more samples" in found["lidar"].details["undefined"]


@pytest.mark.parametrize(
    ("metric", "worse", "better"),
    [
        ("online/knn@1/top1", 0.5, 0.6),
        ("online/label_free@1/rankme", 30.0, 40.0),
        ("online/label_free@1/uniformity", -1.0, -3.0),
        ("online/label_free@1/alignment", 0.9, 0.2),
        ("online/label_free@1/alpha_req", 2.0, 1.1),
        ("online/label_free@1/alpha_req_3_100", 0.4, 0.9),
        ("train/loss", 3.0, 2.0),
        ("train/loss/method", 3.0, 2.0),
    ],
)
def test_the_merit_of_a_better_value_is_larger(metric, worse, better):
    assert merit(metric, better) > merit(metric, worse)
