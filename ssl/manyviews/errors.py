"""Errors that the command line tells in one line: one type per exit code, its kinds below it.

An error says what was given, what is allowed and what to type. Errors of any other type are faults
of the program: they end with a traceback and exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

LISTED = 40  # up to so many allowed names are listed in full


class ConfigError(ValueError):
    """A mistake in the user's request; nothing was trained."""

    exit_code: ClassVar[int] = 2


class RunFailed(RuntimeError):
    """The work cannot go on, and the message says why; the last checkpoint is whole."""

    exit_code: ClassVar[int] = 1


class NotFinite(RunFailed):
    """A loss or a weight is NaN or infinite; training stops, and the last checkpoint stays."""


class NotSaved(RunFailed):
    """The disk refused a checkpoint."""


class Collapsed(RunFailed):
    """The representation collapsed, and `on_collapse="stop"` ends the run."""


class RankLost(RunFailed):
    """Another process of this run died."""


class Interrupted(RuntimeError):
    """The run was told to stop with Ctrl-C (SIGINT) before its end; the same command continues."""

    exit_code: ClassVar[int] = 130  # as of a shell: 128 plus the number of the signal


class Terminated(Interrupted):
    """The run was told to stop with SIGTERM, for example by a scheduler."""

    exit_code: ClassVar[int] = 143


def one_line(said: object, longest: int = 300) -> str:
    """Return a text, such as an error's message, without line breaks and cut to a length."""
    return " ".join(str(said).split())[:longest]


def unknown(kind: str, given: str, allowed: Iterable[str]) -> ConfigError:
    """Return an error that suggests the most similar allowed name and lists the allowed ones.

    >>> print(unknown("method", "swaw", ["swav", "barlow_twins"]))
    unknown method 'swaw': did you mean 'swav'? allowed: barlow_twins, swav
    """
    names = sorted(set(allowed))
    # Of keys in one place only the last part is compared: the rest is alike in all of them.
    above = given[: given.rfind(".") + 1]
    if not all(name.startswith(above) for name in names):
        above = ""
    ends = {name.removeprefix(above).lower(): name for name in names}
    end = given.removeprefix(above).lower()
    near = [ends[e] for e in difflib.get_close_matches(end, [*ends], n=5, cutoff=0.55)]
    hint = f" did you mean '{near[0]}'?" if near else ""
    listed = ", ".join(names if len(names) <= LISTED else near or names[:5]) or "none"
    more = f" and {len(names)} in all" if len(names) > LISTED else ""
    return ConfigError(f"unknown {kind} '{given}':{hint} allowed: {listed}{more}")
