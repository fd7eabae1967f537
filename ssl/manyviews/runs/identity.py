"""The name of a run: a hash of the settings that define its result.

Two commands with the same identity mean the same run, so the second one continues the first. Keys
that were added to the configs later must not change the identity of earlier runs: while they have
the value that means "as before", they are left out of the hash (`ADDED_LATER`).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from manyviews import checkpoints
from manyviews.errors import ConfigError
from manyviews.runs.upgrade import upgraded
from manyviews.schema import Config

# Settings that define the result; devices, callbacks, evaluation, logger and paths do not.
DEFINING = (
    "method",
    "data",
    "views",
    "backbone",
    "optimizer",
    "schedule",
    "regularizers",
    "batch_size",
    "epochs",
)
DEFINING_TRAINER = ("precision", "accumulate_grad_batches", "limit_train_batches")
# Keys of `data` that say where the data lie or how they are read, not what they are.
PLACES = ("root", "download", "workers", "on_bad_sample")
# Keys that came after the first runs, with the value that stands for "not there".
ADDED_LATER: dict[str, Any] = {
    "backbone.freeze": None,
    "backbone.weights": None,
    "data.group": None,
    "backbone.zero_init_residual": None,  # of torchvision's; our own ResNets have true or false
    "data.labels": None,
    "data.val": None,
    "optimizer.fused": True,
}
# Further values that stand for "not there": tables have another default than folders.
ALSO_ABSENT = {"data.group": "group"}


def identity(config: Config) -> str:
    """Return eight hex digits of a hash over the settings that define the result."""
    content: dict[str, Any] = copy.deepcopy({key: config[key] for key in DEFINING})
    content["data"] = {k: v for k, v in content["data"].items() if k not in PLACES}
    content["trainer"] = {key: config["trainer"][key] for key in DEFINING_TRAINER}
    for key, default in ADDED_LATER.items():
        group, _, name = key.partition(".")
        if content[group].get(name, default) in (default, ALSO_ABSENT.get(key, default)):
            content[group].pop(name, None)
    _name_first_stages(content["method"])
    if weights := config["backbone"].get("weights"):
        content["backbone"]["weights"] = checkpoints.checksum(
            checkpoints.find(weights, "backbone.weights")
        )
    if config["init"] is not None:
        content["init"] = checkpoints.checksum(checkpoints.find(config["init"]))
    canonical = json.dumps(content, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _name_first_stages(method: dict[str, Any]) -> None:
    """Let a run that is trained first count by its name, which says what it was trained on.

    `method.X_overrides` belongs to the folder `method.X` of such a run.
    """
    for overrides in [key for key in method if key.endswith("_overrides")]:
        folder = overrides.removesuffix("_overrides")
        if method[folder] is not None:
            method[folder] = Path(method[folder]).name
            del method[overrides]


def name(config: Config, choices: Mapping[str, str]) -> str:
    """Return `<method>-<data>-<backbone>-<identity>-s<seed>`."""
    return f"{_prefix(choices)}{identity(config)}-s{config['seed']}"


def _prefix(choices: Mapping[str, str]) -> str:
    return "".join(
        f"{choices[group].replace('/', '_')}-" for group in ("method", "data", "backbone")
    )


def folder(config: Config, choices: Mapping[str, str]) -> Path:
    """Return where the run of this config lies, or will lie.

    A run that was begun under an earlier format has another name. If it has the same identity, it
    is the run of this config and continues in its old folder.
    """
    path = Path(config["runs"]) / name(config, choices)
    if path.exists():
        return path
    others = path.parent.glob(f"{_prefix(choices)}????????-s{config['seed']}")
    wanted = identity(config)
    return next((p for p in sorted(others) if _identity_of(p) == wanted), path)


def _identity_of(path: Path) -> str | None:
    """Return the identity of a run folder; None if it cannot be read.

    It stands in the first lines of config.yaml, which are read without the rest. Format 1 did not
    write it, so there it is computed.
    """
    file = path / "config.yaml"
    try:
        with file.open(encoding="utf-8") as lines:
            for line in islice(lines, 2):
                key, _, value = line.strip().partition(": ")
                if key == "identity":
                    return value.strip("'")  # YAML quotes one that could be a number
        return identity(upgraded(yaml.safe_load(file.read_text(encoding="utf-8")), path))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError, ConfigError):
        return None  # `load` says what is wrong with it, if that folder is asked for
