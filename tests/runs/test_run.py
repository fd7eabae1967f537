import json
from pathlib import Path

import pytest
import unscored

from manyviews import config, hardware, runs, train
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError, Interrupted


def test_a_run_of_another_version_is_refused(done_here):
    file = done_here.path / "config.yaml"
    file.write_text(file.read_text().replace("format_version: 2", "format_version: 99"))
    with pytest.raises(ConfigError, match="format_version 99, this manyviews reads 1 to 2"):
        runs.load(done_here.path)


def test_a_place_that_refuses_folders_is_one_line(small, config_dir):
    """/proc refuses even root, as a read-only folder refuses others."""
    with pytest.raises(ConfigError, match="cannot write to /proc/self/runs.*type runs=FOLDER"):
        train.pretrain([*small, "runs=/proc/self/runs"], config_dir)


def test_a_file_where_the_folder_should_be_is_one_line(small, config_dir):
    Path("runs").touch()
    with pytest.raises(ConfigError, match="cannot write to runs.*type runs=FOLDER"):
        train.pretrain(small, config_dir)


@pytest.fixture
def begun_in_float32(small, config_dir, monkeypatch):
    """Overrides of an unfinished run with `precision=auto`, begun on a processor without bf16."""
    monkeypatch.setattr(train.scoring, "make", unscored.make)
    overrides = [*small, "trainer.precision=auto"]
    with monkeypatch.context() as patched:
        patched.setattr(hardware, "cpu_has_bf16", lambda: False)
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted):
            train.pretrain(overrides, config_dir)
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: True)
    return overrides


def precision_of(run):
    return json.loads((run.path / "ledger.json").read_text(encoding="utf-8"))["precision"]


def test_a_run_goes_on_in_the_precision_that_auto_meant_when_it_began(
    begun_in_float32, config_dir, capsys
):
    run = train.pretrain(begun_in_float32, config_dir)
    assert (run.precision, precision_of(run)) == ("32-true", "32-true")
    assert runs.load(run.path).training_config["trainer"]["precision"] == "32-true"
    assert run.config["trainer"]["precision"] == "auto" and len([*Path("runs").iterdir()]) == 1
    (note,) = [line for line in capsys.readouterr().out.splitlines() if "was begun in" in line]
    assert note == (
        f"note: {run.path} was begun in 32-true and goes on in it; trainer.precision=auto would be "
        "bf16-mixed on this machine"
    )


def test_a_folder_of_an_earlier_version_takes_the_precision_of_this_machine(
    begun_in_float32, config_dir, capsys
):
    (file,) = Path("runs").glob("*/config.yaml")
    file.write_text(file.read_text().replace("precision: 32-true\n", "", 1))
    run = train.pretrain(begun_in_float32, config_dir)
    assert (run.precision, precision_of(run)) == ("bf16-mixed", "bf16-mixed")
    assert "was begun in" not in capsys.readouterr().out


def test_a_precision_that_does_not_exist_is_refused(done_here):
    file = done_here.path / "config.yaml"
    file.write_text(file.read_text().replace("choices:", "precision: quick\nchoices:", 1))
    with pytest.raises(ConfigError, match=r"config.yaml: precision 'quick'; allowed: 32-true"):
        runs.load(done_here.path)


TRAIN, VAL = {"images": 9, "sha256": "ab" * 32}, {"images": 3, "sha256": "cd" * 32}


@pytest.fixture
def begun_on(small, config_dir):
    """Begins or continues a run on data with this fingerprint."""
    composed, choices = config.compose("pretrain", small, config_dir)
    path = runs.place(composed, choices)
    path.mkdir(parents=True)
    return lambda **data: runs.begin(path, composed, choices, [], data)


def test_a_validation_split_that_was_not_read_before_is_no_change_of_the_data(begun_on):
    begun_on(train=TRAIN)
    run = begun_on(train=TRAIN, val=VAL)
    assert json.loads((run.path / "data.json").read_text())["val"] == VAL


@pytest.mark.parametrize("now", [{}, {"val": {**VAL, "images": 4}}])
def test_a_validation_split_that_changed_or_went_is_a_change_of_the_data(begun_on, now):
    begun_on(train=TRAIN, val=VAL)
    with pytest.raises(ConfigError, match=r"begun with other data \(val 3 images cdcdcdcd, now"):
        begun_on(train=TRAIN, **now)
