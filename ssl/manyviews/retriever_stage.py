"""REBAR's first stage: the run of its retriever, which has to be trained before the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from manyviews import config, process_group, runs
from manyviews.errors import ConfigError
from manyviews.schema import Config

SAME = ("data", "seed", "runs", "logger")  # groups and keys that both stages share
SAME_OF_TRAINER = ("accelerator", "precision")


class Stage(NamedTuple):
    """A run that has to be trained before another one.

    Attributes:
        config: its checked config.
        choices: the file that each config group chose.
        overrides: the overrides that make it, besides the settings that both runs share.
    """

    config: Config
    choices: Mapping[str, str]
    overrides: list[str]


def resolve(
    composed: Config, choices: Mapping[str, str], config_dir: str | None = None
) -> tuple[Config, Stage | None]:
    """Return the config with `method.retriever=auto` replaced by a folder, and that folder's run.

    Args:
        composed: config of the run that was asked for.
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
    first["trainer"] |= {key: composed["trainer"][key] for key in SAME_OF_TRAINER} | {"devices": 1}
    stage = Stage(first, chosen, overrides)
    folder = runs.folder(first, chosen)
    return {**composed, "method": method | {"retriever": str(folder)}}, stage


def check_launcher(stage: Stage) -> None:
    """Raise if torchrun or SLURM began several processes and the retriever is not trained yet.

    Raises:
        ConfigError: says the command that trains it.
    """
    folder = runs.folder(stage.config, stage.choices)
    begun = (folder / "config.yaml").is_file()
    if process_group.launcher() and not (begun and runs.load(folder).trained):
        raise ConfigError(
            "under torchrun and SLURM the retriever has to be there first; type "
            f"manyviews pretrain {' '.join(stage.overrides)} seed={stage.config['seed']}"
        )
