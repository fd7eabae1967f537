"""What a reader of W&B's offline files finds of the panels."""

import numpy as np
import pytest
from report_run import HOSTILE, write_series_run
from wandb_records import history

from manyviews import report, runs
from manyviews.loggers import wandb_logger
from manyviews.loggers.wandb_panels import media
from manyviews.panels import Heatmap, Panel


@pytest.fixture
def panels(tmp_path):
    return report.read_panels(write_series_run(tmp_path / "shown"))


def test_every_block_of_every_panel_is_in_the_offline_run(panels, tmp_path):
    run = runs.Run(tmp_path / "run", {}, {"method": "swav"})
    run.path.mkdir()
    runs.write_json(run.path / "wandb" / "id.json", {"id": "abc"})
    logger = wandb_logger.open_wandb("offline", "manyviews", None, [], run=run)
    wandb_logger.log_report([logger], {"checkpoint": {"step": 3}, "scores": []}, panels)
    wandb_logger.finish([logger])
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    (found,) = history(file)
    shown = [p for p in panels if p.name not in ("curves", "views")]
    assert {p.name for p in shown} == {"classes", "neighbours", "embeddings", "retrieval"}
    for panel in shown:
        for number in range(len(panel.blocks)):
            assert any(k.startswith(f"panels/{panel.name}/{number}") for k in found)
    assert found["panels/neighbours/0/count"] == 64
    assert found["panels/neighbours/0/captions"][0] == HOSTILE[0]


def test_a_heat_map_with_names_is_a_table_and_one_without_is_an_image():
    named = Heatmap("", np.array([[0.126, 1.0]]), ["a"], ["b", "c"])
    plain = Heatmap("attention", np.array([[0.0, 0.5], [1.0, 0.25]]))
    made = media([Panel("gates", "Gates", "", [named, plain])])
    table, (image,) = made["panels/gates/0"], made["panels/gates/1"]
    assert table.columns == ["", "b", "c"] and table.data == [["a", 0.13, 1.0]]
    assert np.array_equal(np.array(image.image), [[0, 127], [255, 63]])
