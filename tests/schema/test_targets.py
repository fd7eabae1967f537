"""What a config may name: nothing that runs code which its reader did not ask for."""

import pickle
import sys
import types
from pathlib import Path

import pytest
import yaml

from manyviews import config, runs
from manyviews.errors import ConfigError
from manyviews.schema.targets import locate


class Touch:
    """Unpickling one makes a file, as any code could be run."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.fixture
def bomb(tmp_path):
    """A pickle that makes the file `ran` in the current folder when it is loaded."""
    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Touch()))
    return str(tmp_path / "bomb.pt")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("data", "pytorch_lightning.core.saving.pl_load"),
        ("schedule", "pytorch_lightning.core.saving.pl_load"),
        ("schedule", "torch.load"),
        ("optimizer", "torch.optim.adamw.torch.load"),
        ("optimizer", "torch.optim.lr_scheduler.LambdaLR"),
        ("optimizer", "torch.optim"),
        ("method", "manyviews.methods.swav.torch.load"),
        ("method", "manyviews.cli.main"),
        ("method", "manyviews.data.cifar10"),
        ("data", "manyviews.data"),
        ("data", "manyviews.data.__getattr__"),
        ("data", "os.system"),
        ("data", "builtins.eval"),
        ("trainer", "manyviews.trainer.functools"),
        ("views.large.operations.crop", "numpy.save"),
        ("nowhere", "manyviews.data.cifar10"),
        ("method", ""),
        ("method", "."),
        ("method", "..torch.load"),
    ],
)
def test_names_outside_of_the_room_of_their_group_are_refused(key, name):
    with pytest.raises(ConfigError) as error:
        locate(name, key)
    assert "\n" not in str(error.value)


def test_what_a_config_of_ours_names_is_found():
    import torch

    assert locate("torch.optim.AdamW", "optimizer") is torch.optim.AdamW
    assert locate("manyviews.views.series.Crop", "views.large.operations.crop").__name__ == "Crop"
    assert locate("manyviews.trainer.build_trainer", "trainer").__name__ == "build_trainer"


@pytest.fixture
def modules(monkeypatch):
    """Modules `mine` and `mine_evil`, which hold a class of their own and import torch."""
    import torch

    for name in ("mine", "mine_evil"):
        module = types.ModuleType(name)
        vars(module)["torch"], vars(module)["Net"] = torch, type("Net", (), {"__module__": name})
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("trusted", ["mine", "mine.", "other, mine", "mine.,"])
def test_a_trusted_package_is_trusted_and_no_package_that_begins_like_it(
    trusted, modules, monkeypatch
):
    monkeypatch.setenv("MANYVIEWS_TRUST", trusted)
    assert locate("mine.Net", "method") is sys.modules["mine"].Net
    with pytest.raises(ConfigError, match="mine_evil.Net is not allowed here"):
        locate("mine_evil.Net", "method")


def test_what_a_trusted_package_imports_is_not_trusted(modules, monkeypatch):
    monkeypatch.setenv("MANYVIEWS_TRUST", "mine")
    with pytest.raises(ConfigError, match="is no class or function of mine"):
        locate("mine.torch.load", "method")


@pytest.mark.parametrize("trusted", ["", ",", ".", " ", ".,"])
def test_an_empty_list_of_trusted_packages_trusts_none(trusted, monkeypatch):
    monkeypatch.setenv("MANYVIEWS_TRUST", trusted)
    with pytest.raises(ConfigError, match="is not allowed here"):
        locate("os.system", "method")


def attacks(bomb):
    """Configs that tried to load a pickle: where in a config they stand, and what they are."""
    load = {"_target_": "torch.load", "f": bomb, "weights_only": False}
    saved = {"_target_": "pytorch_lightning.core.saving.pl_load", "path_or_url": bomb}
    flow = f"{{_target_: torch.load, f: {bomb}, weights_only: false}}"
    return {
        "a target as data": ("data", saved | {"weights_only": False}),
        "a target as schedule": ("schedule", saved | {"weights_only": False}),
        "a target below a method": ("method.temperature", load),
        "a target in a list": ("method.temperature", [load]),
        "a target below views": ("views.large.operations.crop", load),
        "a number as target": ("method._target_", 3),
        "null as target": ("schedule._target_", None),
        "a list as target": ("backbone._target_", ["torch.load"]),
        "oc.create in a value": ("method.temperature", f"${{oc.create:{flow}}}"),
        "oc.create after a word": ("runs", f"runs${{oc.create:{flow}}}"),
        "oc.create in a default": ("runs", f"${{oc.env:MANYVIEWS_DATA,${{oc.create:{flow}}}}}"),
        "a secret": ("runs", "${oc.env:PATH}"),
        "a resolver of Hydra": ("runs", "${hydra:runtime.cwd}"),
        "arguments by position": ("schedule._args_", [1]),
        "another way to convert": ("schedule._convert_", "all"),
        "no recursion": ("schedule._recursive_", False),
        "a function as data": ("data._partial_", True),
        "a false partial": ("optimizer._partial_", None),
    }


@pytest.mark.parametrize("name", attacks("x"))
def test_an_edited_run_folder_runs_no_code(name, bomb, done, tmp_path):
    record = yaml.safe_load((done.path / "config.yaml").read_text())
    key, value = attacks(bomb)[name]
    *above, last = key.split(".")
    node = record
    for part in above:
        node = node[part]
    node[last] = value
    (copy := tmp_path / "copy").mkdir()
    (copy / "config.yaml").write_text(yaml.safe_dump(record))
    with pytest.raises(ConfigError) as error:
        runs.load(copy)
    assert key.partition(".")[0] in str(error.value) and "\n" not in str(error.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", attacks("x"))
def test_an_experiment_of_somebody_else_runs_no_code(name, bomb, tmp_path):
    key, value = attacks(bomb)[name]
    content = value
    for part in reversed(key.split(".")):
        content = {part: content}
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\n" + yaml.safe_dump(content)
    (tmp_path / "experiment" / "theirs.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        config.compose("pretrain", ["experiment=theirs"], str(tmp_path))
    assert "\n" not in str(error.value)
    assert not Path("ran").exists()


def test_the_word_target_in_a_text_changes_no_check():
    with pytest.raises(ConfigError, match="method.temperature='_target_'"):
        config.compose("pretrain", ["method.temperature=_target_"])
