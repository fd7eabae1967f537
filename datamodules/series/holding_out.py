"""Which recordings are held out: those of some subjects, or some recordings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from manyviews.datamodules.series.recordings import Recordings
from manyviews.errors import ConfigError

By = Literal["subject", "recording", "leave-one-subject-out", "window"]
Test = float | str | list[str | int]
NAMED = 10  # of many names in one line


def held_out(recordings: Recordings, by: By, test: Test) -> Bool[Tensor, " R"]:
    """Whether each recording belongs to the test split.

    Args:
        recordings: all of them.
        by: subject, recording, or leave-one-subject-out.
        test: the names held out, or the share of them: the last by name.

    Raises:
        ConfigError: an unknown name, a share that is none, or nothing left for a split.
    """
    kind = "recording" if by == "recording" else "subject"
    owner = recordings.names
    if kind == "subject":
        owner = tuple(recordings.subjects[i] for i in recordings.subject.tolist())
    names = sorted(set(owner), key=natural)
    if len(names) < 2:
        other = "window" if kind == "recording" else "recording"
        raise ConfigError(
            f"data.by={by} needs 2 {kind}s or more, the data has {len(names)}; type data.by={other}"
        )
    if by == "leave-one-subject-out":
        if isinstance(test, list):
            raise ConfigError(
                f"data.test={test}; data.by={by} wants one name, as data.test={names[-1]}"
            )
        test = [str(test)]
    chosen = _named(names, test, kind) if isinstance(test, str | list) else _last(names, test, kind)
    return torch.tensor([name in chosen for name in owner])


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts S2 before S10.

    >>> sorted(["S10", "S2", "S1"], key=natural)
    ['S1', 'S2', 'S10']
    """
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _last(names: Sequence[str], share: float, kind: str) -> set[str]:
    """The last of the names that make this share, one at least."""
    if not 0 < share < 1:
        raise ConfigError(
            f"data.test={share}; allowed: a share between 0 and 1, or names of {kind}s, "
            f"as data.test=[{names[-1]}]"
        )
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    return set(names[-count:])


def _named(names: Sequence[str], asked: str | Sequence[str | int], kind: str) -> set[str]:
    wanted = {asked} if isinstance(asked, str) else {str(name) for name in asked}
    has = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" * (len(names) > NAMED))
    if strange := sorted(wanted - set(names)):
        raise ConfigError(f"data.test: there is no {kind} {strange[0]!r}; the data has {has}")
    if not wanted or wanted == set(names):
        raise ConfigError(
            f"data.test holds {len(wanted)} of {len(names)} {kind}s, and one split is empty; "
            f"the data has {has}"
        )
    return wanted
