"""What a sweep is asked for: its own keys, typed or in a file, and overrides of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from manyviews import config
from manyviews.config import as_text
from manyviews.errors import ConfigError, one_line
from manyviews.schema import Config

OURS = ("sweep", "launcher")  # groups of the sweep itself; all others are those of its runs
FILES = (".yaml", ".yml")


class Request(NamedTuple):
    """A sweep as it was asked for.

    Attributes:
        sweep: checked keys of `sweep`.
        launcher: checked keys of `launcher`; empty for processes on this machine.
        of_launcher: the overrides that chose them.
        of_runs: the overrides of the runs.
    """

    sweep: Config
    launcher: Config
    of_launcher: list[str]
    of_runs: list[str]


def read(overrides: Sequence[str], config_dir: str | None = None) -> Request:
    """Return what a sweep is asked for.

    Args:
        overrides: as after `manyviews pretrain -m`, with `sweep=FILE.yaml`, too.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a file cannot be read, or a key of `sweep` or `launcher` is wrong.
    """
    own, of_runs = _divided(_with_file(overrides))
    of_launcher = _of_launcher(own)
    composed, _ = config.compose("multirun", own, config_dir)
    return Request(composed["sweep"], composed["launcher"], of_launcher, of_runs)


def _of_launcher(own: Sequence[str]) -> list[str]:
    """Return the overrides of the launcher among those of the sweep.

    Raises:
        ConfigError: settings of jobs, and no launcher was chosen.
    """
    found = [text for text in own if text.lstrip("+~").startswith("launcher")]
    if found and not any(text.startswith("launcher=") for text in found):
        raise ConfigError(f"{found[0]} is a setting of jobs; type launcher=slurm, too")
    return found


def _with_file(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with `sweep=FILE` replaced by what the file says.

    Raises:
        ConfigError: the file cannot be read.
    """
    found = []
    for text in overrides:
        key, _, value = text.partition("=")
        if key != "sweep" or not value.endswith(FILES):
            found.append(text)
            continue
        try:
            content = yaml.safe_load(Path(value).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigError(f"{text}: {one_line(error)}") from error
        if not isinstance(content, dict):
            raise ConfigError(f"{text}: the file holds no keys; write overrides: [seed=0,1]")
        if "base" in content:
            found.append(f"sweep={content.pop('base')}")
        found += [f"sweep.{key}={as_text(item)}" for key, item in content.items()]
    return found


def _divided(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides of the sweep itself and those of its runs."""
    parts: tuple[list[str], list[str]] = [], []
    for text in overrides:
        group = text.lstrip("+~").partition("=")[0].partition(".")[0]
        parts[group not in OURS].append(text)
    return parts
