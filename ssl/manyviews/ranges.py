"""Ranges of numbers, as types of constructor arguments.

A constructor names the range of each number in its signature and checks it by `within_ranges`:

    @within_ranges
    def __init__(self, *, temperature: Positive, momentum: Share = 0.99) -> None:

The check of a config reads the same types, so that a value without sense is refused before anything
is built. The upper bounds are far beyond every published value: 1e30 is a slip, or a search gone
astray.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable
from numbers import Integral, Real
from typing import Annotated, Any, Concatenate, ParamSpec

from annotated_types import Ge, Gt, Le, Lt

from manyviews.errors import ConfigError

Positive = Annotated[float, Gt(0), Le(1e6)]  # temperatures, factors
NotNegative = Annotated[float, Ge(0), Le(1e6)]  # weights of terms, lengths in epochs
Number = Annotated[float, Ge(-1e6), Le(1e6)]
Share = Annotated[float, Ge(0), Le(1)]  # probabilities, momentum of an average
InnerShare = Annotated[float, Gt(0), Lt(1)]
Rate = Annotated[float, Ge(0), Le(1000)]  # learning rates and weight decays
Strength = Annotated[float, Ge(0), Le(100)]  # of augmentations
Size = Annotated[int, Ge(1), Le(2**24)]  # widths, numbers of things
Count = Annotated[int, Ge(0), Le(2**31)]  # of steps or rows, 0 for none
Rounds = Annotated[int, Ge(1), Le(1000)]  # of an iteration within a step
Layers = Annotated[int, Ge(0), Le(32)]  # dilations are 2 ** layer
Entropy = Annotated[float, Ge(1e-3), Le(10)]  # epsilon of Sinkhorn

P = ParamSpec("P")


def within_ranges(
    init: Callable[Concatenate[Any, P], None],
) -> Callable[Concatenate[Any, P], None]:
    """Let a constructor refuse numbers outside the ranges that its signature names.

    Raises:
        ConfigError: when it is called with such a number, or with something else for a number.
    """
    signature = inspect.signature(init)

    @functools.cache
    def hints() -> dict[str, Any]:
        """Return the types of the arguments; at the first call, when all of them are defined."""
        return typing.get_type_hints(init, include_extras=True)

    @functools.wraps(init)
    def run(self: Any, *args: P.args, **kwargs: P.kwargs) -> None:
        for name, value in signature.bind(self, *args, **kwargs).arguments.items():
            if (said := mistake(value, hints().get(name))) is not None:
                # TimeWarp is called time_warp in a config, and HydraMoCo hydra_moco.
                kind = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", type(self).__name__).lower()
                raise ConfigError(f"{kind} {name}={value!r}; allowed: {said}")
        init(self, *args, **kwargs)

    return run


def mistake(value: Any, hint: Any) -> str | None:
    """Return what a type allows if the value is outside its range, else None.

    Types without a range allow everything here.

    >>> mistake(-1.0, Positive | None)
    'above 0, at most 1,000,000, or null'
    """
    kind, parts = typing.get_origin(hint), typing.get_args(hint)
    if kind is Annotated:
        kind, *bounds = parts
        whole = kind is int
        number = Integral if whole else Real
        inside = isinstance(value, number) and not isinstance(value, bool)
        if inside and all(map(functools.partial(_keeps, value), bounds)):
            return None
        return ("a whole number, " if whole and not inside else "") + _in_words(bounds)
    if kind is list and isinstance(value, list | tuple):
        said = next((said for v in value if (said := mistake(v, parts[0]))), None)
        return None if said is None else f"a list, each {said}"
    if type(None) in parts and value is not None:
        said = mistake(value, next(part for part in parts if part is not type(None)))
        return None if said is None else f"{said}, or null"
    return None


def _keeps(value: Any, bound: Any) -> bool:
    """Return True if a number keeps a bound; NaN keeps none."""
    if isinstance(bound, Gt):
        return value > bound.gt
    if isinstance(bound, Ge):
        return value >= bound.ge
    return value < bound.lt if isinstance(bound, Lt) else value <= bound.le


def _in_words(bounds: list[Any]) -> str:
    """Return a lower and an upper bound as in "above 0, at most 10" or "0 to 1"."""
    low, high = bounds
    if isinstance(low, Ge) and isinstance(high, Le) and high.le <= 1000:
        return f"{low.ge:g} to {high.le:g}"
    least = f"above {low.gt:g}" if isinstance(low, Gt) else f"{low.ge:g} or more"
    return (
        f"{least}, {f'below {high.lt:g}' if isinstance(high, Lt) else f'at most {high.le:,.12g}'}"
    )
