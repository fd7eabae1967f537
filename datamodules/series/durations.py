"""Conversion of durations to steps."""

from __future__ import annotations

import re

from manyviews.errors import ConfigError

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0}


def steps(given: int | str, rate: float, key: str, fewest: int = 2) -> int:
    """Return the steps of a duration ("2.56s" at 50 Hz: 128); a number of steps stays as it is.

    Args:
        given: steps, or a number with a unit.
        rate: sampling rate in Hz.
        key: config key that holds the value, for error messages.
        fewest: smallest number of steps that is allowed.

    Raises:
        ConfigError: the unit is unknown, or there are too few steps.
    """
    count = given  # YAML reads a plain number as steps
    if isinstance(given, str):
        number = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-z]+)\s*", given)
        if not number or number[2] not in SECONDS:
            raise ConfigError(
                f"{key}={given!r}; allowed: steps such as 128, or a duration with one of the units "
                f"{', '.join(SECONDS)}, such as 2.56s"
            )
        # Rounded, as 2.56 * 50 is not exactly 128 in floating point.
        count = round(float(number[1]) * SECONDS[number[2]] * rate)
    if int(count) < fewest:
        raise ConfigError(
            f"{key}={given} is {count} steps at {rate:g} Hz; choose {fewest} or more steps"
        )
    return int(count)
