"""Errors for users' mistakes: they say what was given, what is allowed and what to type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED = 40  # up to so many allowed names are listed in full


class ConfigError(ValueError):
    """A mistake in the user's request; the command line prints it as one line and exits with 2."""


class Interrupted(RuntimeError):
    """The run was broken off; the last checkpoint is whole."""


class RankLost(RuntimeError):
    """Another process of this run died; the last checkpoint is whole."""


def unknown(kind: str, given: str, allowed: Iterable[str]) -> ConfigError:
    """Return an error that suggests the most similar allowed name and lists the allowed ones.

    >>> print(unknown("method", "swaw", ["swav", "barlow_twins"]))
    unknown method 'swaw': did you mean 'swav'? allowed: barlow_twins, swav
    """
    names = sorted(set(allowed))
    near = difflib.get_close_matches(given, names, n=5, cutoff=0.5)
    hint = f" did you mean '{near[0]}'?" if near else ""
    listed = ", ".join(names if len(names) <= LISTED else near or names[:5]) or "none"
    more = f" and {len(names)} in all" if len(names) > LISTED else ""
    return ConfigError(f"unknown {kind} '{given}':{hint} allowed: {listed}{more}")
