"""The run that a run needs first: the retriever of `method=rebar`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from manyviews import config, runs
from manyviews.schema import Config

SAME = ("data", "seed", "runs", "logger")  # of both stages
OF_TRAINER = ("accelerator", "precision")


class Stage(NamedTuple):
    """A run to be trained before another.

    Attributes:
        config: checked.
        choices: the file that each config group chose.
        overrides: what it is told beside the data.
    """

    config: Config
    choices: Mapping[str, str]
    overrides: list[str]


def resolved(
    composed: Config, choices: Mapping[str, str], config_dir: str | None = None
) -> tuple[Config, Stage | None]:
    """The config with the folder of its retriever's run in place of `auto`, and that run.

    Args:
        composed: of the run that is asked for.
        choices: the file that each config group chose.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in `method.retriever_overrides`.
    """
    method = composed["method"]
    if method.get("retriever") != "auto":
        return composed, None
    if method["positives"] != "rebar":
        return {**composed, "method": method | {"retriever": None}}, None
    overrides = [f"data={choices['data']}", "method=rebar_retriever"]
    overrides += method["retriever_overrides"]
    first, chosen = config.compose("pretrain", overrides, config_dir)
    first |= {key: composed[key] for key in SAME}
    first["trainer"] |= {key: composed["trainer"][key] for key in OF_TRAINER} | {"devices": 1}
    stage = Stage(first, chosen, overrides)
    folder = str(runs.folder(first, chosen))
    return {**composed, "method": method | {"retriever": folder}}, stage
