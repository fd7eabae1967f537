"""`manyviews evaluate` of any backbone on any data, as a user types it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import write_folder

from manyviews import backbones, build, runs, scoring, train
from manyviews.errors import ConfigError

KNN = ["evaluation=[knn]", "evaluation.knn.neighbours=[1,5]", "evaluation.knn.headline=5"]
QUIET = ["logger.wandb=null", *KNN]


@pytest.fixture
def photos(tmp_path):
    return f"data.path={write_folder(tmp_path / 'photos', count=40, channels=1)}"


def evaluate(config_dir, *overrides):
    return scoring.evaluate([*overrides, *QUIET], config_dir)


def card_of(done):
    return json.loads(done.reports[0].read_text())


def subjects_of(card):
    return {score["subject"] for score in card["scores"]}


def test_a_run_on_other_data_is_read_as_its_own_training_data_were(done_here, config_dir, photos):
    done = evaluate(config_dir, f"run={done_here.path}", "data=folder", photos, "data.test=0.3")
    (file,) = done.reports
    assert file.parent.parent == done_here.path / "evaluations"
    card = card_of(done)
    known = json.loads((done_here.path / "preprocessing.json").read_text())
    assert {k: card["preprocessing"][k] for k in known} == known
    assert (known["size"], known["mean"], known["std"]) == ([16, 16], [0.5], [0.25])
    assert subjects_of(card) == {"trained", "random", "raw"}
    assert card["data"]["name"] == "photos"
    for name in ("index.html", "report.md", "gallery.npz", "predictions.npz"):
        assert file.with_name(name).is_file()
    assert not (done_here.path / "report" / "features").exists()


def test_the_same_command_finds_what_it_wrote(done_here, config_dir, photos, monkeypatch):
    command = [f"run={done_here.path}", "data=folder", photos]
    first = evaluate(config_dir, *command)
    monkeypatch.setattr(build, "data", None)  # nothing is read again
    assert evaluate(config_dir, *command) == first


def test_a_run_on_its_own_data_named_again_is_its_own_report(done_here, config_dir):
    done = evaluate(config_dir, f"run={done_here.path}", "data=stripes")
    assert done.reports == [done_here.report]


def test_each_run_is_loaded_once(done_here, small, config_dir, monkeypatch):
    other = train.pretrain([*small, "seed=1"], config_dir)
    loaded, load = [], runs.load
    monkeypatch.setattr(runs, "load", lambda path: loaded.append(path) or load(path))
    given = [str(done_here.path), str(other.path)]
    done = evaluate(config_dir, f"run=[{','.join(given)}]", "data=[stripes,checks]")
    assert len(done.reports) == 4
    assert loaded == given


def test_a_run_that_is_not_there_is_told_once_for_several_data_sets(config_dir):
    with pytest.raises(ConfigError) as error:
        evaluate(config_dir, "run=nowhere", "data=[stripes,waves]")
    assert str(error.value).count("run=nowhere") == 1


def test_a_backbone_without_a_run_has_random_weights_and_says_so(config_dir, photos):
    done = evaluate(config_dir, "backbone=resnet_tiny", "data=folder", photos)
    assert done.reports[0].parent.parent.name == "evaluations"
    card = card_of(done)
    assert card["named"] == {"trained": "random weights"}
    assert subjects_of(card) == {"trained", "raw"}
    assert "random weights" in done.reports[0].with_name("index.html").read_text()


def test_a_backbone_with_the_weights_of_a_file_beside_random_ones(config_dir, photos, tmp_path):
    torch.manual_seed(3)
    net = backbones.build("resnet_tiny", stem="small", in_channels=1)
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    done = evaluate(
        config_dir,
        *("backbone=resnet_tiny", f"backbone.weights={tmp_path / 'weights.pth'}"),
        *("data=folder", photos),
    )
    card = card_of(done)
    assert card["named"] == {"trained": "weights.pth"}
    assert subjects_of(card) == {"trained", "random", "raw"}
    features = sorted((done.reports[0].parent / "features").glob("*-test-*.npz"))
    found = {file.name.partition("-")[0]: np.load(file)["embedding"] for file in features}
    module = build.data(
        {
            "data": {"_target_": "manyviews.data.folder", "path": str(tmp_path / "photos")},
            "views": _views(),
            "batch_size": 2,
            "seed": 0,
            "trainer": {"accumulate_grad_batches": 1},
        }
    )
    with torch.no_grad():
        (own,) = [net.eval()(sample.input) for sample in module.clean("test")]
    np.testing.assert_allclose(found["trained"], own.numpy(), atol=1e-6)
    assert not np.allclose(found["random"], own.numpy(), atol=1e-3)


def test_a_mistake_leaves_no_folder(config_dir, photos, tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    other = f"backbone.weights={tmp_path / 'other.pth'}"
    with pytest.raises(ConfigError, match="does not fit the backbone"):
        evaluate(config_dir, "backbone=resnet_tiny", other, "data=folder", photos)
    assert not [*Path("evaluations").glob("*")]


def _views():
    crop = {"_target_": "manyviews.views.Crop", "size": 16, "scale": [0.4, 1.0]}
    crop |= {"ratio": [0.75, 1.33], "interpolation": "bilinear"}
    view = {"_target_": "manyviews.views.View", "count": 2, "operations": {"crop": crop}}
    return {"_target_": "manyviews.views.Views", "large": view}


def test_a_data_set_that_cannot_be_read_is_told_and_the_others_are_evaluated(done_here, config_dir):
    done = evaluate(config_dir, f"run={done_here.path}", "data=[waves,stripes]")
    assert [path.parent.name.partition("-")[0] for path in done.reports] == ["report"]
    assert "data=waves has series" in done.missing["waves"]


def test_several_runs_are_compared_item_by_item(done_here, small, config_dir):
    other = train.pretrain([*small, "seed=1"], config_dir)
    done = evaluate(config_dir, f"run=[{done_here.path},{other.path}]")
    found = json.loads(done.comparison.read_text())
    (row,) = [d for d in found["differences"] if d["metric"] == "top1"]
    cards = [json.loads(path.read_text()) for path in done.reports]
    first, second = (
        next(s["value"] for s in card["scores"] if s["subject"] == "trained") for card in cards
    )
    assert (row["first"], row["second"]) == (done_here.path.name, other.path.name)
    assert row["value"] == pytest.approx(first - second)
    assert row["low"] <= row["value"] <= row["high"] and row["n"] == 32


def test_runs_on_other_data_are_never_paired(done_here, small, config_dir):
    other = train.pretrain([*small, "data.size=20", "seed=1"], config_dir)
    done = evaluate(config_dir, f"run=[{done_here.path},{other.path}]")
    found = json.loads(done.comparison.read_text())
    assert found["differences"] == []
    assert "other test data" in found["apart"][0]["reason"]


def test_a_run_that_began_with_weights_has_its_start_as_a_control(done_here, small, config_dir):
    run = train.pretrain([*small, f"init={done_here.path}"], config_dir)
    card = json.loads(run.report.read_text())
    assert subjects_of(card) == {"trained", "random", "start", "raw"}
    first, own = (json.loads(r.report.read_text())["scores"] for r in (run, done_here))
    (start,) = [s["value"] for s in first if s["subject"] == "start" and s["metric"] == "top1"]
    (trained,) = [
        s["value"]
        for s in own
        if (s["subject"], s["metric"], s["split"]) == ("trained", "top1", "test")
    ]
    assert start == trained


def test_features_of_the_start_are_made_again_if_its_file_has_changed(
    done_here, small, config_dir, tmp_path
):
    other = train.pretrain([*small, "seed=1"], config_dir)
    begin = tmp_path / "begin.ckpt"
    shutil.copy(done_here.checkpoints / "last.ckpt", begin)
    run = train.pretrain([*small, f"init={begin}"], config_dir)
    shutil.copy(other.checkpoints / "last.ckpt", begin)
    scoring.evaluate([f"run={run.path}", "evaluation=[ncm]", "logger.wandb=null"], config_dir)

    def features(of, name):
        return [np.load(f)["embedding"] for f in (of.path / "features").glob(f"{name}-test-*.npz")]

    starts = features(run, "start")
    assert len(starts) == 2
    for (own,) in (features(done_here, "trained"), features(other, "trained")):
        assert sum(np.array_equal(own, start) for start in starts) == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "nothing to evaluate: type run=FOLDER, or backbone=NAME and data=NAME"),
        (["backbone=resnet18"], "nothing to evaluate"),
        (["data=stripes"], "nothing to evaluate"),
        (["run=RUN", "backbone=resnet18"], "both name a backbone; leave one out"),
        (["run=RUN", "data=waves"], "reads images, data=waves has series"),
        (["run=RUN", "data=fashion"], "unknown data 'fashion'"),
        (["run=RUN", "measures=[top2]"], r"measures=\['top2'\]; allowed: top1, top5"),
        (["run=RUN", "evaluation=standrad"], "unknown evaluation 'standrad'"),
        (["run=RUN", "preprocessing.size=0"], "preprocessing"),
        (["run=RUN", "data=[]"], "type names of data sets"),
        (["run=RUN", "data=[stripes,eurosat]", "data.root=x"], "^data=stripes: unknown key"),
    ],
)
def test_a_mistake_is_told_in_one_line(overrides, said, done_here, config_dir):
    given = [o.replace("RUN", str(done_here.path)) for o in overrides]
    knn = [] if any(o.startswith("evaluation") for o in given) else KNN
    with pytest.raises(ConfigError, match=said):
        scoring.evaluate(["logger.wandb=null", *given, *knn], config_dir)
