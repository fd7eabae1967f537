"""Series under the roof of images: every method that reads both trains on them unchanged."""

from pathlib import Path

import contract
import numpy as np
import pytest
import torch
import unscored

from manyviews import build, config, retriever_stage, runs, train
from manyviews.errors import ConfigError, Interrupted
from manyviews.runs import status

TCN = ["backbone.hidden_dim=4", "backbone.depth=2", "backbone.embedding_dim=8"]
SHORT = ["batch_size=16", "epochs=1", "schedule.warmup_epochs=0", "trainer.limit_train_batches=3"]
QUIET = ["logger.wandb=null", "trainer.accelerator=cpu", "trainer.precision=32-true"]


def composed(config_dir, *overrides):
    return config.compose("pretrain", overrides, config_dir)[0]


@pytest.mark.parametrize("name", [n for n in contract.METHODS if n not in contract.SERIES])
def test_methods_of_images_train_on_watch(name, config_dir):
    overrides = ["data=watch", f"method={name}", *contract.small(name), *SHORT, *QUIET, *TCN]
    given = composed(config_dir, *overrides)
    data = build.data(given)
    method = build.method(given, data)
    before = [p.clone() for p in method.backbone.parameters()]
    build.trainer(given, []).fit(method, datamodule=data)
    after = [*method.backbone.parameters()]
    assert all(p.isfinite().all() for p in after)
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_series_come_with_their_own_views_and_backbone(config_dir):
    given, choices = config.compose("pretrain", ["method=swav", "data=waves"], config_dir)
    assert (choices["views"], choices["backbone"]) == ("series", "tcn")
    assert given["views"]["_target_"].endswith("SeriesViews")


def test_what_the_command_line_chooses_stays(config_dir):
    chosen = ["method=simclr", "data=waves", "backbone=resnet1d", "views=series_multi_crop"]
    _, choices = config.compose("pretrain", chosen, config_dir)
    assert (choices["views"], choices["backbone"]) == ("series_multi_crop", "resnet1d")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["method=simclr", "data=waves", "views=two_crops"], "has series, .* type views=series"),
        (["method=simclr", "views=series"], "has images, .* type views=two_crops"),
        (["method=simclr", "data=waves", "backbone=resnet18"], "the data are series; .*=tcn"),
        (["method=simclr", "backbone=tcn"], "the data are images; .*backbone=resnet18"),
        (["method=rebar_retriever", "views=two_crops"], "RebarRetriever reads series, .*=watch"),
    ],
)
def test_the_wrong_kind_of_data_is_one_line(overrides, said, config_dir):
    with pytest.raises(ConfigError, match=said):
        given = composed(config_dir, *overrides)
        build.method(given, build.data(given))


@pytest.fixture
def without_scores(monkeypatch):
    """Which run is trained when is what is asked; evaluation has tests of its own."""
    monkeypatch.setattr(train.scoring, "make", unscored.make)


REBAR = [
    "method=rebar",
    "data=waves",
    *TCN,
    *SHORT,
    *QUIET,
    "views.candidates.count=3",
    "evaluation=[knn]",
    "evaluation.knn.neighbours=[5]",
    "evaluation.knn.headline=5",
]
SMALL = ["backbone.width=8", "method.mask_length=4", "epochs=1", "batch_size=16"]
FIRST = f"method.retriever_overrides={[*SMALL, 'schedule.warmup_epochs=0']}"


def test_rebar_trains_its_retriever_first_and_only_once(config_dir, capsys):
    overrides = [*REBAR, FIRST]
    run = train.pretrain(overrides, config_dir)
    first = run.config["method"]["retriever"]
    assert run.trained and first.startswith("runs/rebar_retriever-waves-cross_attention-")
    assert f"first the retriever: {first}" in capsys.readouterr().out
    again = train.pretrain([*overrides, "resume=never"], config_dir)
    assert f"{first} is finished" in capsys.readouterr().out
    named = train.pretrain([*REBAR, f"method.retriever={first}"], config_dir)
    assert again.path.name == f"{run.path.name}-2" and named.path == run.path


@pytest.mark.usefixtures("without_scores")
def test_the_folder_is_known_before_the_retriever_is_trained(config_dir):
    overrides = [*REBAR, FIRST]
    named = retriever_stage.compose(overrides, config_dir)[-1].config
    run = train.pretrain(overrides, config_dir)
    assert named["method"]["retriever"] == run.config["method"]["retriever"]


@pytest.mark.usefixtures("without_scores")
def test_positives_that_need_no_retriever_train_none(config_dir):
    run = train.pretrain([*REBAR, "method.positives=sliding_mse"], config_dir)
    assert run.config["method"]["retriever"] is None and run.trained


@pytest.mark.usefixtures("without_scores")
def test_a_stop_in_the_first_stage_continues_there(config_dir, monkeypatch):
    from manyviews.callbacks.stop import Stop

    overrides = [*REBAR, FIRST]
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted, match=r"stopped, step 1 .* in runs/rebar_retriever-"):
            train.pretrain(overrides, config_dir)
    (stopped,) = Path("runs").iterdir()
    assert status.read(stopped).state == "stopped"
    run = train.pretrain(overrides, config_dir)
    assert run.trained and run.path.name.startswith("rebar-")


@pytest.mark.usefixtures("without_scores")
def test_a_run_of_another_method_is_no_retriever(config_dir):
    other = train.pretrain([*REBAR, "method.positives=random"], config_dir)
    with pytest.raises(ConfigError, match=r"is no finished run of method=rebar_retriever; .*=auto"):
        train.pretrain([*REBAR, f"method.retriever={other.path}"], config_dir)


@pytest.fixture
def wards(tmp_path):
    """Recordings of a user's own, in a file whose name has to be quoted."""
    draw = np.random.default_rng(0)
    file = tmp_path / "it's (1)" / "wards.npz"
    file.parent.mkdir()
    np.savez(
        file,
        value=draw.standard_normal((6 * 100, 2)).astype("float32"),
        length=np.full(6, 100),
        subject=[f"s{i}" for i in range(6)],
        label=np.repeat([0, 1], 300),
    )
    return str(file).replace("\\", "\\\\").replace("'", "\\'")


OWN = [o for o in REBAR if o != "data=waves"]


@pytest.mark.usefixtures("without_scores")
def test_rebar_trains_its_retriever_on_the_recordings_of_the_command(wards):
    own = ["data=series", f"data.path='{wards}'", "data.window=20", "data.rate=10", "seed=3"]
    first, last = retriever_stage.compose([*OWN, *own, FIRST])
    assert first.config["data"] == last.config["data"]
    assert (first.config["seed"], first.config["runs"]) == (3, last.config["runs"])
    assert [o for o in own if o.startswith("data")] == [o for o in first.overrides if o in own]
    run = train.pretrain([*OWN, *own, FIRST])
    retriever = runs.load(run.config["method"]["retriever"])
    assert run.trained and retriever.trained
    assert retriever.config["data"]["path"].endswith("it's (1)/wards.npz")


def test_rebar_finds_recordings_that_an_experiment_names(wards, tmp_path):
    """The path has no default, and the first stage knows no experiment."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    lines = ["# @package _global_", "defaults:", "  - override /data: series"]
    lines += ["  - override /method: rebar", f"data: {{path: {tmp_path}/wards.npz, rate: 5}}"]
    (folder / "mine.yaml").write_text("\n".join(lines))
    first, last = retriever_stage.compose(["experiment=mine"], str(tmp_path / "conf"))
    assert first.config["data"] == last.config["data"]
    assert first.config["data"]["rate"] == 5


def test_a_finished_run_of_two_stages_says_so_without_reading_its_data(
    config_dir, monkeypatch, capsys
):
    run = train.pretrain([*REBAR, FIRST], config_dir)
    for name in ("data", "parts", "protocols"):
        monkeypatch.setattr(build, name, None)  # building would fail
    assert train.pretrain([*REBAR, FIRST], config_dir).path == run.path
    assert capsys.readouterr().out.count(" is finished: ") == 2


@pytest.mark.parametrize("text", ["a", "it's", "a\\b", "C:\\d\\", "\\'", "a=b", "a, b", "", "{x}"])
def test_any_text_of_the_data_reaches_the_first_stage(text):
    own = ["method=rebar", "data=series", "data.path=x", f"data.labels={config.as_text(text)}"]
    first, last = retriever_stage.compose(own)
    assert first.config["data"]["labels"] == last.config["data"]["labels"] == text
