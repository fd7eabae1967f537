"""The command `manyviews config diff A B`: what differs between runs or between commands."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from manyviews import retriever_stage, runs
from manyviews.config.differences import Difference, differences
from manyviews.errors import ConfigError
from manyviews.schema import Config

WIDTH = 40  # of the column of first values, in characters, unless one is longer


class Side(NamedTuple):
    """One side of a comparison.

    Attributes:
        folder: the run folder that was given; None if overrides were given.
        config: the checked config.
        choices: the file that each config group chose.
    """

    folder: Path | None
    config: Config
    choices: Mapping[str, str]


class Comparison(NamedTuple):
    """The result of a comparison.

    Attributes:
        choices: config groups whose chosen files differ.
        keys: keys whose values differ.
        verdict: a sentence that says whether both sides are the same run.
    """

    choices: list[Difference]
    keys: list[Difference]
    verdict: str


def compare(first: str, second: str, config_dir: str | None = None) -> Comparison:
    """Return what differs between two run folders or commands.

    Args:
        first: a run folder, or the overrides of a `pretrain` command, separated by blanks.
        second: the same.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: one of them is neither, or a mistake in the overrides.
    """
    a, b = (_side(given, config_dir) for given in (first, second))
    choices = [*differences(_own(a.choices), _own(b.choices))]
    keys = [*differences(a.config, b.config)]
    return Comparison(choices, keys, _verdict(a, b, differ=bool(choices or keys)))


def _own(choices: Mapping[str, str]) -> dict[str, str | None]:
    """Return the choices in our groups, without those that Hydra has for itself."""
    ours = {group: name for group, name in choices.items() if not group.startswith("hydra/")}
    return {group: None if name == "None" else name for group, name in ours.items()}


def lines(first: str, second: str, config_dir: str | None = None) -> Iterator[str]:
    """Yield the comparison as text for the terminal; the arguments are those of `compare`."""
    found = compare(first, second, config_dir)
    yield f"first   {first or '(no overrides)'}"
    yield f"second  {second or '(no overrides)'}"
    yield from _rows("chosen files", found.choices)
    yield from _rows("keys", found.keys)
    yield f"\n{found.verdict}"


def _rows(title: str, rows: Sequence[Difference]) -> Iterator[str]:
    if not rows:
        yield f"\n{title}: no difference"
        return
    columns = [Difference(title, "first", "second"), *rows]
    key, first = (max(len(row[i]) for row in columns) for i in (0, 1))
    yield ""
    for row in columns:
        yield f"{row.key:<{key}}  {row.first:<{min(first, WIDTH)}}  {row.second}"


def _side(given: str, config_dir: str | None) -> Side:
    if os.path.isdir(given):  # Path.is_dir raises if the text is too long for a file name
        run = runs.load(given)
        return Side(run.path, run.config, run.choices)
    try:
        overrides = shlex.split(given)
    except ValueError as error:
        raise ConfigError(f"cannot read '{given}': {error}") from error
    if strange := [text for text in overrides if "=" not in text and not text.startswith("~")]:
        raise ConfigError(
            f"'{strange[0]}' is neither a run folder nor key=value; type a folder such as "
            "runs/NAME, or overrides in quotes such as 'method=swav epochs=10'"
        )
    stage = retriever_stage.compose(overrides, config_dir)[-1]
    return Side(None, stage.config, stage.choices)


def _verdict(a: Side, b: Side, differ: bool) -> str:
    """Return a sentence that says whether both sides are one run."""
    try:
        same = runs.name(a.config, a.choices) == runs.name(b.config, b.choices)
        folders = [_folder(side) for side in (a, b)]
    except ConfigError as error:  # initial weights count by their content, and the file is gone
        return f"whether both are the same run cannot be told: {error}"
    if not same:
        return f"two runs: {folders[0]} and {folders[1]}"
    if folders[0].resolve() != folders[1].resolve():
        return f"the same result, in two folders: {folders[0]} and {folders[1]}"
    return f"the same run, {folders[0]}" + (
        "; what differs does not change its result" if differ else ""
    )


def _folder(side: Side) -> Path:
    return side.folder or runs.folder(side.config, side.choices)
