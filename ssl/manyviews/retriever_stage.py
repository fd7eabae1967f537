"""REBAR's first stage: the run of its retriever, which has to be trained before the run itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from manyviews import config, runs
from manyviews.config import quoted
from manyviews.errors import ConfigError
from manyviews.schema import Config

SAME = ("data", "seed", "runs", "logger")  # groups and keys that both stages share
SAME_OF_TRAINER = ("accelerator", "precision")


class Stage(NamedTuple):
    """A run to be trained.

    Attributes:
        config: its checked config.
        choices: the file that each config group chose.
        overrides: the overrides of its command.
    """

    config: Config
    choices: Mapping[str, str]
    overrides: Sequence[str]


def compose(overrides: Sequence[str], config_dir: str | None = None) -> list[Stage]:
    """Return the runs that a `pretrain` command trains: one, or the retriever's and then its own.

    If the retriever is not the finished run of a given folder (`method.retriever=auto`), its run
    comes first, and the last config names its folder.

    Args:
        overrides: as on the command line.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in the config.
    """
    composed, choices = config.compose("pretrain", overrides, config_dir)
    return stages(composed, choices, overrides, config_dir)


def stages(
    composed: Config,
    choices: Mapping[str, str],
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
) -> list[Stage]:
    """Return the runs that a composed config asks for; see `compose`."""
    method = composed["method"]
    if method.get("retriever") != "auto":
        return [Stage(composed, choices, overrides)]
    if method["positives"] != "rebar":  # other positives need no retriever
        return [Stage(_with_retriever(composed, None), choices, overrides)]
    options = [f"data={choices['data']}", "method=rebar_retriever", *_data(overrides)]
    options += method["retriever_overrides"]
    first, chosen = config.compose("pretrain", [*options, *_texts(composed["data"])], config_dir)
    first |= {key: composed[key] for key in SAME}
    first["trainer"] |= {key: composed["trainer"][key] for key in SAME_OF_TRAINER} | {"devices": 1}
    folder = str(runs.folder(first, chosen))
    last = Stage(_with_retriever(composed, folder), choices, overrides)
    return [Stage(first, chosen, options), last]


def _data(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that change a key of the data, as they were typed."""
    return [text for text in overrides if text.lstrip("+~").startswith("data.")]


def _texts(data: Mapping[str, object]) -> list[str]:
    """Return overrides with all texts of the data: some, such as `data.path`, have no default.

    An experiment can have set them, too; the numbers of the data all have defaults.
    """
    texts = {k: v for k, v in data.items() if isinstance(v, str) and not k.startswith("_")}
    return [f"data.{key}={quoted(text)}" for key, text in texts.items()]


def _with_retriever(composed: Config, folder: str | None) -> Config:
    return {**composed, "method": composed["method"] | {"retriever": folder}}


def check_launcher(stage: Stage) -> None:
    """Raise if torchrun or SLURM began several processes and the retriever is not trained yet.

    Raises:
        ConfigError: says the command that trains it.
    """
    from manyviews import process_group  # imports torch, which planning a sweep does not need

    folder = runs.folder(stage.config, stage.choices)
    begun = (folder / "config.yaml").is_file()
    if process_group.launcher() and not (begun and runs.load(folder).trained):
        raise ConfigError(
            "under torchrun and SLURM the retriever has to be there first; type "
            f"manyviews pretrain {' '.join(stage.overrides)} seed={stage.config['seed']}"
        )
