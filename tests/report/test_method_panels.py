"""Methods' own panels reach the page through panels.npz."""

import pytest
from contract import overrides

from manyviews import panels, train


def test_a_run_of_swav_has_its_prototypes_in_the_report(done):
    stored = {panel.name: panel for panel in panels.load(done.report.with_name("panels.npz"))}
    plot, pictures = stored["prototypes"].blocks
    assert sum(plot.lines[0].y) == pytest.approx(100)
    assert [len(row) for row in pictures.rows] == [6] * 8
    assert {p.caption for row in pictures.rows for p in row} <= {"across", "down"}
    assert 'id="prototypes"' in done.report.with_name("index.html").read_text()


def test_a_run_of_hydra_has_its_gates_in_the_report(config_dir):
    done = train.pretrain([*overrides("hydra"), "epochs=1", "backbone=speck"], config_dir)
    (panel,) = panels.load(done.report.with_name("panels.npz"))
    (heat,) = panel.blocks
    assert panel.name == "gates" and list(heat.rows) == ["across", "down"]
    assert heat.values.shape == (2, 2) and (0 < heat.values).all()
    assert "<th>across</th>" in done.report.with_name("index.html").read_text()
