import json

import numpy as np
import pytest

from manyviews import train

WAVES = [
    "data=waves",
    "method=barlow_twins",
    "method.hidden_dim=8",
    "method.projection_dim=8",
    "views=series",
    "backbone=tcn",
    "backbone.hidden_dim=4",
    "backbone.depth=2",
    "backbone.embedding_dim=8",
    "batch_size=16",
    "epochs=1",
    "trainer.accelerator=cpu",
    "schedule.warmup_epochs=0",
    "logger.wandb=null",
    "evaluation=[knn_series,clustering]",
    "evaluation.clustering.seeds=2",
]


@pytest.mark.slow
def test_the_card_of_series_has_their_controls_measures_subjects_and_pictures(config_dir):
    run = train.pretrain(WAVES, config_dir)
    card = json.loads(run.report.read_text())
    assert card["data"]["items"] == "windows"
    kinds = {(s["protocol"], s["metric"]) for s in card["scores"]}
    assert {("knn_series@1", "macro_auroc"), ("clustering@1", "ari")} <= kinds
    subjects = {s["subject"] for s in card["scores"]}
    assert subjects == {"trained", "random", "mean_std", "spectrum"}
    (trained,) = [s for s in card["subjects"] if s["subject"] == "trained"]
    assert [p["name"] for p in trained["each"]] == ["person 4", "person 5"]
    with np.load(run.report.with_name("gallery.npz")) as gallery:
        assert gallery["originals"].shape[1:] == gallery["view_1"].shape[1:] == (3, 80, 160)
    assert 'id="subjects"' in run.report.with_name("index.html").read_text()
