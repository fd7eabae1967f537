"""Files of a run folder that were cut, changed or replaced: made again, or told in one line."""

import io
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import unscored
from damage import damaged

import manyviews
from manyviews import checkpoints, runs, train
from manyviews.callbacks.stop import Stop
from manyviews.checkpoints import LAST, PREVIOUS
from manyviews.errors import ConfigError, Interrupted
from manyviews.runs import status

FILES = [
    *("config.yaml", "data.json", "environment.json", "status.json", "overrides.txt"),
    *("ledger.json", "metrics.jsonl", f"checkpoints/{LAST}"),
]
CONFIGS = ["", "- a list\n", "format_version: 2\n", "format_version: 2\nchoices: 3\n", "[" * 5000]
CONFIGS += ["{", "a: 2024-13-45\n", "\0", "3\n", "format_version: []\nchoices: {}\n"]


@pytest.fixture
def copied(done):
    """A copy of a finished run, to be damaged."""
    return Path(shutil.copytree(done.path, Path("runs") / done.path.name))


@pytest.fixture(scope="module")
def fingerprint(done):
    return json.loads((done.path / "data.json").read_text(encoding="utf-8"))


def go_on(run, done, fingerprint):
    """What the commands read of a run folder, without training and scores."""
    runs.load(run)
    begun = runs.begin(run, done.config, done.choices, [], fingerprint)
    runs.keep_metrics_until(run, 8)
    status.write(run)
    assert begun.saved.step in (4, 8) and begun.wandb_id
    assert runs.load(run).config == done.config
    manyviews.load_backbone(run)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", FILES)
def test_damage_is_mended_or_told_in_one_line(name, seed, copied, done, fingerprint):
    file = copied / name
    file.write_bytes(damaged(file.read_bytes(), seed + 8 * FILES.index(name)))
    try:
        go_on(copied, done, fingerprint)
    except ConfigError as error:
        said = str(error)
        assert "\n" not in said and (str(file) in said or "was begun with other data" in said)
        assert name in ("config.yaml", "data.json", f"checkpoints/{LAST}")


@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_that_is_none_names_its_file(text, copied, small, config_dir):
    (copied / "config.yaml").write_text(text, encoding="utf-8")
    for read in (runs.load, manyviews.load_backbone, manyviews.evaluate):
        with pytest.raises(ConfigError, match=r"config\.yaml|format_version"):
            read(copied)
    with pytest.raises(ConfigError, match=r"config\.yaml|format_version"):
        train.pretrain(small, config_dir)


@pytest.mark.parametrize("line", ["3", "[1]", "null", '{"step": null}', '{"step": 1e999}', "\0"])
def test_a_line_that_is_no_record_is_dropped_when_the_run_goes_on(line):
    whole = '{"step": 1, "train/loss": 2.0}\n'
    Path("metrics.jsonl").write_bytes(whole.encode() + line.encode() + b"\n\xff\xfe\n")
    runs.keep_metrics_until(Path(), 5)
    assert Path("metrics.jsonl").read_text() == whole


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"train": {}}', "\xff"])
def test_a_fingerprint_that_cannot_be_read_is_told(text, copied, done, fingerprint, capsys):
    file = copied / "data.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="data.json is damaged, so|begun with other data"):
        runs.begin(copied, done.config, done.choices, [], fingerprint)
    file.unlink()
    runs.begin(copied, done.config, done.choices, [], fingerprint)
    assert "data.json was missing" in capsys.readouterr().out
    assert json.loads(file.read_text()) == fingerprint


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"wandb_id": 3}', '{"wandb_id": "a/b"}'])
def test_a_dashboard_s_id_that_is_lost_is_made_again(text, copied):
    (copied / "environment.json").write_text(text)
    made = runs.load(copied).wandb_id
    assert made == runs.load(copied).wandb_id and len(made) == 8


@pytest.mark.parametrize("key", ["step", "epochs", "sha256", "state", "heartbeat"])
def test_a_status_with_a_value_of_another_type_is_not_believed(key, copied):
    content = json.loads((copied / "status.json").read_text())
    (copied / "status.json").write_text(json.dumps({**content, key: [1]}))
    assert status.read(copied) is None
    assert runs.load(copied).saved.step == 8


def test_an_older_checkpoint_is_not_read_without_a_word(copied, capsys):
    file = copied / "checkpoints" / LAST
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    manyviews.load_backbone(copied)
    assert "last.ckpt was changed since it was written" in capsys.readouterr().out


class Code:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def replaced(path, content):
    """Write a file that ends as our checkpoints do."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    body = buffer.getvalue()
    path.write_bytes(body + b"manyview" + sha256(body).digest())


WHOLE = {"format_version": 1, "state_dict": {}, "global_step": 8, "epochs": 2}
CHECKPOINTS = {
    "code": {**WHOLE, "more": Code()},
    "code alone": Code(),
    "a list": [1, 2],
    "no weights": {k: v for k, v in WHOLE.items() if k != "state_dict"},
    "no step": {k: v for k, v in WHOLE.items() if k != "global_step"},
    "weights in a list": {**WHOLE, "state_dict": [torch.zeros(3)]},
    "no tensors": WHOLE,
    "other tensors": {**WHOLE, "state_dict": {"backbone.conv1.weight": torch.zeros(3)}},
    "numbers": {**WHOLE, "state_dict": {"backbone.conv1.weight": 3}},
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_checkpoint_that_is_another_s_is_refused_and_not_executed(kind, copied):
    for name in (LAST, PREVIOUS):
        replaced(copied / "checkpoints" / name, CHECKPOINTS[kind])
    for read in (manyviews.load_backbone, manyviews.evaluate):
        with pytest.raises(ConfigError, match=r"last\.ckpt") as told:
            read(copied)
        assert "\n" not in str(told.value)
    assert not Path("executed").exists()


@pytest.fixture
def stopped(small, config_dir, monkeypatch):
    """The folder of a run that was stopped after its first step."""
    monkeypatch.setattr(train.scoring, "make", unscored.make)
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted):
            train.pretrain(small, config_dir)
    return next(Path("runs").iterdir())


def test_an_unfinished_run_goes_on_though_what_can_be_made_again_is_damaged(
    stopped, small, config_dir
):
    for name in ("environment.json", "ledger.json", "status.json", "overrides.txt"):
        (stopped / name).write_bytes(b"\xff{")
    with (stopped / "metrics.jsonl").open("a") as file:
        file.write('[1]\n{"step": 1, "tra')
    run = train.pretrain(small, config_dir)
    assert run.trained and status.read(run.path).state == "finished"
    lines = (stopped / "metrics.jsonl").read_text().splitlines()
    assert {json.loads(line)["step"] for line in lines} == set(range(1, 9))


@pytest.mark.parametrize("kind", ["no tensors", "other tensors", "numbers", "code"])
def test_an_unfinished_run_does_not_go_on_from_a_checkpoint_of_another(
    kind, stopped, small, config_dir
):
    file = stopped / "checkpoints" / LAST
    own = checkpoints.read(file)
    for content in (CHECKPOINTS[kind] | {"epochs": 0}, own | {**CHECKPOINTS[kind], "epochs": 0}):
        replaced(file, content)
        with pytest.raises(ConfigError, match=r"last\.ckpt") as told:
            train.pretrain(small, config_dir)
        assert "\n" not in str(told.value)
    assert not Path("executed").exists()
    assert checkpoints.is_ours(file)  # it was neither changed nor moved
