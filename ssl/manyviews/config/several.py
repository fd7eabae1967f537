"""Overrides that stand for several values, in Hydra's grammar: lists, ranges, globs, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException

from manyviews.config.overrides import parsed, place
from manyviews.errors import ConfigError, one_line


def expand(
    overrides: Sequence[str], options_of: Callable[[str], Sequence[str]]
) -> dict[str, list[str]]:
    """Return what each override of a sweep stands for: one override per value, by the key.

    >>> expand(["seed=0,1", "epochs=3"], lambda group: [])
    {'seed': ['seed=0', 'seed=1'], 'epochs': ['epochs=3']}

    Args:
        overrides: in Hydra's grammar: `a,b`, `choice(a,b)`, `range(0,5)`, `glob(*_cifar10)`.
        options_of: returns the files of a group, for `glob`.

    Raises:
        ConfigError: one of them is not `key=value`, stands for nothing, or is an interval, of which
            a search takes values.
    """
    values = {}
    for override in _with_files(overrides, options_of):
        if not override.is_sweep_override():
            values[place(override)] = [str(override.input_line)]
            continue
        if not override.is_discrete_sweep():
            raise ConfigError(
                f"'{override.input_line}' is an interval, and a grid needs single values; type "
                "sweep=optuna for a search, or a list such as 0.1,0.2"
            )
        values[place(override)] = _values(override)
    return values


class Axis(NamedTuple):
    """The values that a search may give to a key.

    Attributes:
        key: the key, as it is typed.
        choices: its values as text; empty for an interval.
        low: least value of an interval.
        high: largest value of an interval.
        log: True to search the logarithm of the value.
        whole: True for whole numbers only.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def ends(self) -> list[str]:
        """Its choices, or both ends of its interval, as overrides."""
        numbers = [int(n) if self.whole else n for n in (self.low, self.high)]
        return [f"{self.key}={value}" for value in self.choices or map(repr, numbers)]


def axes(
    overrides: Sequence[str], options_of: Callable[[str], Sequence[str]]
) -> tuple[list[str], list[Axis]]:
    """Return the overrides with one value, and what a search may choose for the others.

    >>> axes(["epochs=3", "optimizer.lr=tag(log,interval(0.001,0.1))"], lambda group: [])[1][0].log
    True

    Args:
        overrides: as of `expand`, and with `interval(0.1,1)`, `int(interval(1,9))` and
            `tag(log,interval(0.001,1))`.
        options_of: see `expand`.

    Raises:
        ConfigError: one of them is not `key=value`, or stands for nothing.
    """
    fixed: list[str] = []
    found = []
    for override in _with_files(overrides, options_of):
        value, key = override.value(), override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(str(override.input_line))
        elif isinstance(value, IntervalSweep):
            low, high, log = value.start or 0, value.end or 0, "log" in value.tags
            if not low < high or (log and low <= 0):
                raise ConfigError(
                    f"'{override.input_line}': an interval goes from a smaller to a larger number"
                    + ", and one with tag log begins above 0" * log
                )
            found.append(Axis(key, (), low, high, log, isinstance(low, int)))
        else:
            found.append(Axis(key, tuple(t.partition("=")[2] for t in _values(override))))
    return fixed, found


def _values(override: Override) -> list[str]:
    """Return an override for each value that a sweep stands for.

    Raises:
        ConfigError: there is none.
    """
    try:
        found = [*override.sweep_string_iterator()]
    except HydraException as error:
        raise ConfigError(f"'{override.input_line}': {one_line(error)}") from error
    if not found:
        raise ConfigError(f"'{override.input_line}' stands for no value")
    return [f"{override.get_key_element()}={text}" for text in found]


def _with_files(
    overrides: Sequence[str], options_of: Callable[[str], Sequence[str]]
) -> list[Override]:
    """Return the overrides; of two for the same key the later one counts."""
    found = [*{place(o): o for o in map(parsed, overrides)}.values()]
    for override in found:
        override.config_loader = cast(ConfigLoader, _Files(options_of))
    return found


class _Files(NamedTuple):
    """The part of a config loader that Hydra asks for the files of a group."""

    options_of: Callable[[str], Sequence[str]]

    def get_group_options(self, group: str, *_: Any, **__: Any) -> list[str]:
        """Return the names of the files of a group."""
        return [*self.options_of(group)]
