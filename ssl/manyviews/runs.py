"""Run folders: their names, what lies in them, and whether they are finished.

`runs/<method>-<data>-<backbone>-<hash8>-s<seed>/` holds config.yaml, overrides.txt, ledger.json,
environment.json, metrics.jsonl, checkpoints/last.ckpt, features/, report/ and wandb/.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
import yaml

from manyviews.config import Config, check
from manyviews.errors import ConfigError
from manyviews.hardware import environment

FORMAT_VERSION = 1
# What defines the result. Devices, callbacks, evaluation, logger and paths do not.
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
PLACES = ("root", "download")  # keys of `data` that say where it lies, not what it is


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: the folder.
        config: what config.yaml holds.
        choices: the file that each config group chose.
    """

    path: Path
    config: Config
    choices: Mapping[str, str]

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def report(self) -> Path:
        """The scores, as JSON."""
        return self.path / "report" / "report.json"

    @property
    def epoch(self) -> int:
        """Epochs that the last checkpoint has behind it; 0 where there is none."""
        if not self.checkpoint.is_file():
            return 0
        return int(read_checkpoint(self.checkpoint)["epoch"]) + 1

    @property
    def step(self) -> int:
        """Optimizer steps that the last checkpoint has behind it."""
        if not self.checkpoint.is_file():
            return 0
        return int(read_checkpoint(self.checkpoint)["global_step"])

    @property
    def trained(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.config["epochs"]

    @property
    def wandb_id(self) -> str:
        """Id of the W&B run, the same in every session."""
        return str(json.loads((self.path / "environment.json").read_text())["wandb_id"])


def fingerprint(config: Config) -> str:
    """Eight hex digits of what defines the result."""
    content: dict[str, Any] = {key: config[key] for key in DEFINING}
    content["data"] = {k: v for k, v in config["data"].items() if k not in PLACES}
    content["trainer"] = {key: config["trainer"][key] for key in DEFINING_TRAINER}
    canonical = json.dumps(content, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def name(config: Config, choices: Mapping[str, str]) -> str:
    """`<method>-<data>-<backbone>-<hash8>-s<seed>`."""
    parts = [choices[group].replace("/", "_") for group in ("method", "data", "backbone")]
    return "-".join([*parts, fingerprint(config), f"s{config['seed']}"])


def folder(config: Config, choices: Mapping[str, str]) -> Path:
    """Where the run of this config lies, or will lie."""
    return Path(config["runs"]) / name(config, choices)


def begin(config: Config, choices: Mapping[str, str], overrides: Sequence[str]) -> Run:
    """The run of this config: the folder that is there, or a new one.

    Raises:
        ConfigError: the folder cannot be written or is not of this version.
    """
    path = folder(config, choices)
    if config["resume"] == "never":
        path = next(p for p in _numbered(path) if not p.exists())
    if (path / "config.yaml").is_file():
        _writable(path)
        return load(path)
    run = Run(path, config, dict(choices))
    _writable(path)
    # config.yaml comes last: a folder that has it has everything.
    (path / "overrides.txt").write_text("".join(f"{o}\n" for o in overrides))
    write_json(path / "environment.json", {**environment(), "wandb_id": uuid.uuid4().hex[:8]})
    record = {"format_version": FORMAT_VERSION, "choices": dict(choices), **config}
    replace_text(path / "config.yaml", yaml.safe_dump(record, sort_keys=False))
    return run


def _numbered(path: Path) -> Iterator[Path]:
    """The path itself, then path-2, path-3, ..."""
    yield path
    yield from (path.with_name(f"{path.name}-{i}") for i in count(2))


def _writable(path: Path) -> None:
    try:
        (path / "checkpoints").mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to {path} ({error.strerror}); type runs=FOLDER to write elsewhere"
        ) from error


def load(path: str | Path) -> Run:
    """An existing run folder.

    Raises:
        ConfigError: not a run folder, of another version, or with a config that does not check.
    """
    path = Path(path)
    file = path / "config.yaml"
    if not file.is_file():
        held = "holds no config.yaml" if path.is_dir() else "does not exist"
        raise ConfigError(f"run={path} is not a run folder: it {held}{_nearest_run(path)}")
    try:
        record = yaml.safe_load(file.read_text())
        version, choices = record.pop("format_version"), record.pop("choices")
    except (yaml.YAMLError, AttributeError, KeyError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} was not written by `manyviews pretrain`") from error
    if version != FORMAT_VERSION:
        raise ConfigError(
            f"{path} has format_version {version}, this manyviews reads {FORMAT_VERSION}; "
            "use the manyviews that wrote it (see environment.json)"
        )
    check("pretrain", record)
    return Run(path, record, choices)


def _nearest_run(path: Path) -> str:
    here = path if path.is_dir() else path.parent
    runs = sorted(p.parent.name for p in here.glob("*/config.yaml")) if here.is_dir() else []
    return f"; under {here}: {', '.join(runs[:3])}" if runs else ""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's plain tensors and numbers; nothing in it is executed.

    Raises:
        ConfigError: unreadable, or of another version.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        version = checkpoint["format_version"]
    except Exception as error:  # torch raises whatever the torn bytes happen to trip over
        raise ConfigError(f"{path} is not a checkpoint of manyviews, or is torn") from error
    if version != FORMAT_VERSION:
        raise ConfigError(f"{path} has format_version {version}, not {FORMAT_VERSION}")
    return checkpoint


def keep_metrics_until(path: Path, step: int) -> None:
    """Cut metrics.jsonl back to the records of the first `step` steps."""
    file = path / "metrics.jsonl"
    if not file.is_file():
        return
    kept = [line for line in file.read_text().splitlines(True) if _step(line) <= step]
    replace_text(file, "".join(kept))


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError):
        return float("inf")  # torn when the process died


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Readable JSON, written beside and renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, json.dumps(content, indent=2) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write beside, then rename: readers see the old content or the new one."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text)
    beside.replace(path)
