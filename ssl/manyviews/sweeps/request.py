"""What a sweep is asked for: keys of `sweep`, typed or in a file, and overrides of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from manyviews import config
from manyviews.config import as_text
from manyviews.errors import ConfigError, one_line
from manyviews.schema import Config

OURS = ("sweep",)  # groups of the sweep itself; all others are those of its runs
FILES = (".yaml", ".yml")


def read(overrides: Sequence[str], config_dir: str | None = None) -> tuple[Config, list[str]]:
    """Return the checked keys of `sweep`, and the overrides of the runs beside them.

    Args:
        overrides: as after `manyviews pretrain -m`, with `sweep=FILE.yaml`, too.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a file cannot be read, or a key of `sweep` is wrong.
    """
    own, of_runs = _divided(_with_file(overrides))
    return config.compose("multirun", own, config_dir)[0]["sweep"], of_runs


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
