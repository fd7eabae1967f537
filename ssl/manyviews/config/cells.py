"""The cells of a grid: `method=swav,tico seed=0,1` stands for four commands.

A composition from files takes a quarter of a second. So cells that choose the same files share one,
on which the values that differ are set; the result is that of `compose`.
"""

from __future__ import annotations

import copy
import itertools
import time
import typing
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from manyviews.config.compose import checked, from_files, hydra_context, options_of
from manyviews.config.mistakes import check_key
from manyviews.config.overrides import by_library, by_set, parse, typed_text
from manyviews.config.several import Axis, axes, expand
from manyviews.errors import ConfigError, one_line
from manyviews.schema import Config

PATIENCE = 2.0  # seconds between two lines about the progress


def cells(overrides: Sequence[str], config_dir: str | None = None) -> list[list[str]]:
    """Return the overrides of each cell of a grid; the values of the last key vary fastest.

    >>> cells(["seed=0,1", "epochs=3"])
    [['seed=0', 'epochs=3'], ['seed=1', 'epochs=3']]

    Args:
        overrides: in Hydra's grammar, as after `manyviews pretrain -m`.
        config_dir: a folder with config groups of your own, which `glob` looks into, too.

    Raises:
        ConfigError: an override cannot be read, or stands for no value.
    """
    with hydra_context():
        values = expand(overrides, lambda group: options_of(group, config_dir))
    return [list(cell) for cell in itertools.product(*values.values())]


def space(overrides: Sequence[str], config_dir: str | None = None) -> tuple[list[str], list[Axis]]:
    """Return the overrides with one value, and what a search may choose for the others.

    Args:
        overrides: see `cells`; intervals are allowed, too.
        config_dir: see `cells`.

    Raises:
        ConfigError: an override cannot be read, or stands for no value.
    """
    with hydra_context():
        return axes(overrides, lambda group: options_of(group, config_dir))


def corners(fixed: Sequence[str], axes: Sequence[Axis]) -> list[list[str]]:
    """Return cells that hold each choice of an axis, or each end of its interval, at least once.

    If all of them compose, so does whatever a search takes from the axes.

    Args:
        fixed: overrides with one value.
        axes: what may be chosen for the others.

    >>> corners(["epochs=3"], [Axis("seed", ("0", "1")), Axis("method.margin", (), 0.1, 0.2)])
    ... # doctest: +NORMALIZE_WHITESPACE
    [['epochs=3', 'seed=0', 'method.margin=0.1'], ['epochs=3', 'seed=1', 'method.margin=0.1'],
     ['epochs=3', 'seed=0', 'method.margin=0.2']]
    """
    first = [axis.ends[0] for axis in axes]
    found = [[*fixed, *first]]
    for i, axis in enumerate(axes):
        found += [[*fixed, *first[:i], end, *first[i + 1 :]] for end in axis.ends[1:]]
    return found


def compose_cells(
    grid: Sequence[Sequence[str]], config_dir: str | None = None
) -> Iterator[tuple[Config, dict[str, str]]]:
    """Yield what `compose("pretrain", cell)` returns for each cell, in a fraction of the time.

    From two seconds on a line says how far it is.

    Args:
        grid: the overrides of each cell.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in a cell.
    """
    composed: dict[tuple[str, ...], tuple[DictConfig, dict[str, str]]] = {}
    last = time.monotonic()
    keys = {text.lstrip("+~").partition("=")[0] for cell in grid for text in cell}
    with hydra_context():
        groups = {key for key in keys if options_of(key, config_dir)}
    for number, cell in enumerate(grid):
        overrides, library = by_library(by_set(cell))
        parsed = parse(overrides)
        values = [override for override in parsed if _sets_a_value(override, groups)]
        files = [override for override in parsed if override not in values]
        chosen = tuple(str(override.input_line) for override in files)
        if chosen not in composed:
            composed[chosen] = from_files("pretrain", files, config_dir)
        base, choices = composed[chosen]
        config = copy.deepcopy(base)
        for override in values:
            _set(config, override)
        choices = choices | library
        yield checked("pretrain", config, choices, typed_text(parsed)), choices
        if time.monotonic() - last > PATIENCE:
            last = time.monotonic()
            print(f"planned {number + 1:,} of {len(grid):,} runs", flush=True)


def _sets_a_value(override: Override, groups: set[str]) -> bool:
    """Return True if an override changes a number or text, and neither adds nor chooses a file."""
    changes = not (override.is_add() or override.is_force_add() or override.is_delete())
    plain = not isinstance(override.value(), dict | list) and override.package is None
    return changes and plain and override.key_or_group not in groups


def _set(config: DictConfig, override: Override) -> None:
    """Set a value as Hydra does.

    Raises:
        ConfigError: the key does not exist.
    """
    check_key(
        typing.cast(Config, OmegaConf.to_container(config, resolve=False)), override.key_or_group
    )
    try:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    except OmegaConfBaseException as error:
        raise ConfigError(one_line(error)) from error
