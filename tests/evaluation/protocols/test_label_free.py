import json

import pytest
import torch

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.measures.lidar import lidar, scatter
from manyviews.evaluation.measures.spectrum import rankme
from manyviews.evaluation.protocols.label_free import LabelFree
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import score

ITEMS = 300


def features(embedding):
    count = len(embedding)
    return Features(embedding, torch.full((count,), -1), torch.arange(count) + 1000)


def subject(dim=20, fresh_views=None):
    torch.manual_seed(0)
    return Subject(
        features(torch.randn(50, dim)), features(torch.randn(ITEMS, dim)), 0, None, fresh_views
    )


def of(found):
    return {scalar.name: scalar for scalar in found}


class Views:
    """Views whose features are the position of their row, plus noise."""

    def __init__(self, dim=6):
        self.dim, self.asked = dim, None

    def __call__(self, position, views):
        self.asked = position, views
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(len(position), views, self.dim, generator=generator)
        return position[:, None, None] + noise


def test_without_labels_and_backbone_it_measures_the_test_embeddings():
    found = of(LabelFree(1)(subject()))
    assert found["rankme"].value == pytest.approx(rankme(subject().test.embedding), rel=1e-6)
    assert found["rankme"].details["n"] == ITEMS
    assert {"lidar", "fisher_ratio", "alignment"}.isdisjoint(found)


def test_the_convergence_is_that_of_nested_parts_and_ends_with_the_value():
    found = of(LabelFree(1)(subject()))
    shown = found["rankme"].details["convergence"]
    assert [part["n"] for part in shown] == [37, 75, 150, 300]
    assert shown[-1]["value"] == found["rankme"].value
    values = [part["value"] for part in shown]
    assert values == sorted(values)  # of normal numbers, the rank grows with N


def test_more_items_than_asked_for_are_drawn_from_the_seed():
    first, again, other = (
        of(LabelFree(1, items=100, seed=s)(subject()))["rankme"] for s in (0, 0, 1)
    )
    assert first.details["n"] == 100
    assert first.value == again.value != other.value


def test_lidar_reads_fresh_views_of_training_rows():
    views = Views()
    found = of(LabelFree(1, samples=30, views=5)(subject(fresh_views=views)))
    assert views.asked is not None
    position, count = views.asked
    assert count == 5 and len(position.unique()) == 30 and int(position.min()) >= 1000
    assert found["lidar"].value == lidar(scatter(views(position, 5)))
    assert (found["fisher_ratio"].value or 0) > 10 and (found["alignment"].value or 0) > 0
    assert [part["n"] for part in found["lidar"].details["convergence"]] == [3, 7, 15, 30]


def test_a_report_of_collapsed_features_is_json_and_says_so():
    same = features(torch.ones(64, 8))
    collapsed = Subject(same, same, 0, None, lambda rows, q: torch.ones(len(rows), q, 8))
    found = score({"trained": collapsed, "random": subject(8)}, {"label_free@1": LabelFree(1)}).rows
    assert found["failed"] == []
    text = json.dumps(found, allow_nan=False)
    (row,) = [r for r in found["scores"] if r["metric"] == "lidar"]
    assert row["value"] is None and row["details"]["undefined"].startswith("collapsed")
    assert "collapsed: all embeddings are equal" in text


def test_one_view_is_refused():
    with pytest.raises(ConfigError, match="label_free views=1; allowed: 2 or more"):
        LabelFree(1, views=1)
