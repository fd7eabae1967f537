"""The choice of the test split: all recordings of some subjects, or single recordings."""

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
SHOWN = 10  # names in an error message


def is_held_out(recordings: Recordings, by: By, test: Test) -> Bool[Tensor, " R"]:
    """Return True for each recording that belongs to the test split.

    Args:
        recordings: all recordings of the data set.
        by: "subject", "recording" or "leave-one-subject-out".
        test: names of the subjects (or recordings) to hold out, or a share of them: the last ones
            in natural order.

    Raises:
        ConfigError: a name is unknown, the share is not between 0 and 1, or a split would be empty.
    """
    kind = "recording" if by == "recording" else "subject"
    owner = recordings.names
    if kind == "subject":
        owner = tuple(recordings.subjects[i] for i in recordings.subject.tolist())
    names = sorted(set(owner), key=natural_order)
    if len(names) < 2:
        other = "recording" if kind == "subject" and len(recordings) > 1 else "window"
        raise ConfigError(
            f"data.by={by} needs 2 {kind}s or more, the data has {len(names)}; type data.by={other}"
        )
    if by == "leave-one-subject-out":
        if isinstance(test, list):
            raise ConfigError(
                f"data.test={test}; data.by={by} needs one name, for example data.test={names[-1]}"
            )
        test = [str(test)]  # YAML reads the subject 7 as a number
    pick = _by_name if isinstance(test, str | list) else _by_share
    chosen = pick(names, test, kind)  # pyright: ignore[reportArgumentType]
    return torch.tensor([name in chosen for name in owner])


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a sort key that compares the numbers in a name by their value.

    >>> sorted(["S10", "S2", "S1"], key=natural_order)
    ['S1', 'S2', 'S10']
    """
    parts = re.split(r"(\d+)", name)
    # Python refuses to convert thousands of digits.
    return [
        (int(part), "") if part.isdecimal() and len(part) < 100 else (-1, part) for part in parts
    ]


def _by_share(names: Sequence[str], share: float, kind: str) -> set[str]:
    """Return the last names; their number is the rounded share, but at least one."""
    if not 0 < share < 1:
        raise ConfigError(
            f"data.test={share}; allowed: a share between 0 and 1, or names of {kind}s, "
            f"for example data.test=[{names[-1]}]"
        )
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    return set(names[-count:])  # no random choice: everyone has the same split


def _by_name(names: Sequence[str], asked: str | Sequence[str | int], kind: str) -> set[str]:
    """Return the names that were asked for, if they exist and leave some for training."""
    wanted = {asked} if isinstance(asked, str) else {str(name) for name in asked}
    has = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))
    if strange := sorted(wanted - set(names)):
        raise ConfigError(f"data.test: there is no {kind} {strange[0]!r}; the data has {has}")
    if not wanted or wanted == set(names):
        raise ConfigError(
            f"data.test holds {len(wanted)} of {len(names)} {kind}s, and one split is empty; "
            f"the data has {has}"
        )
    return wanted
