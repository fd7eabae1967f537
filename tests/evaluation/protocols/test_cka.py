import numpy as np
import pytest
import torch
from networks import network, subject

from manyviews.evaluation import cka
from manyviews.evaluation.protocols.cka import CKA
from manyviews.evaluation.suite import score
from manyviews.panels import Heatmap


def test_a_report_has_one_measure_and_a_heat_map_for_each_backbone(config_dir):
    one = subject(network(config_dir))
    without_labels = one._replace(
        test=one.test._replace(label=torch.full_like(one.test.label, -1)), network=None
    )
    found = score({"trained": one, "random": one, "raw": without_labels}, {"cka@1": CKA(1)})
    assert not found.rows["failed"]
    assert [row["subject"] for row in found.rows["scores"]] == ["trained", "random"]
    (panel,) = found.panels
    assert panel.name == "cka@1/layers" and "32 test items" in panel.text
    trained, random = panel.blocks
    assert isinstance(trained, Heatmap) and isinstance(random, Heatmap)
    assert (trained.title, random.title) == ("trained", "random initialisation")
    rows = cka.drawn(one.test.position, 1024, 0)
    assert one.network is not None
    expected = cka.within(one.network, rows).value.numpy()
    np.testing.assert_allclose(trained.values, expected, atol=1e-12)
    assert found.rows["scores"][0]["value"] == pytest.approx(expected[0, -1])


def test_fewer_items_are_drawn_from_the_seed(config_dir):
    one = subject(network(config_dir))
    first, again, other = (CKA(1, items=12, seed=s)(one)[0] for s in (0, 0, 1))
    assert first.details["n"] == 12 and first.value == again.value != other.value


def test_a_collapsed_backbone_has_no_value_and_says_so(config_dir):
    one = network(config_dir)
    backbone = one.build()
    torch.nn.init.zeros_(next(backbone.parameters()))
    (found,) = CKA(1)(subject(one._replace(build=lambda: backbone)))
    assert found.value is None and "collapsed" in found.details["undefined"]
