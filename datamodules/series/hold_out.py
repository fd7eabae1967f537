"""The choice of held-out recordings: all recordings of some subjects, or single recordings."""

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
    kind, owner = _owners(recordings, by)
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
    return _is_one_of(owner, _chosen(names, test, "data.test", kind))


def is_validation(recordings: Recordings, by: By, val: Test) -> Bool[Tensor, " R"]:
    """Return True for each recording that belongs to the validation split.

    Args:
        recordings: the recordings that are left after the test split.
        by: as in `is_held_out`; where nobody knows the subjects, recordings are held out.
        val: names or a share, as `test` in `is_held_out`.

    Raises:
        ConfigError: a name is unknown or in the test split, the share is not between 0 and 1, or
            nothing would be left to train on.
    """
    kind, owner = _owners(recordings, by if recordings.knows_subjects else "recording")
    names = sorted(set(owner), key=natural_order)
    if len(names) < 2:
        raise ConfigError(
            f"data.val={val} needs 2 {kind}s or more outside the test split, there is 1; type "
            "data.val=null, or hold out less with data.test"
        )
    return _is_one_of(owner, _chosen(names, val, "data.val", kind))


def _owners(recordings: Recordings, by: By) -> tuple[str, tuple[str, ...]]:
    """Return what is held out whole, "subject" or "recording", and its name for each recording."""
    if by == "recording":
        return "recording", recordings.names
    return "subject", tuple(recordings.subjects[i] for i in recordings.subject.tolist())


def _is_one_of(owner: Sequence[str], chosen: set[str]) -> Bool[Tensor, " R"]:
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


def _chosen(names: Sequence[str], wanted: Test, key: str, kind: str) -> set[str]:
    """Return the names to hold out.

    Args:
        names: all names in natural order.
        wanted: names, or a share.
        key: the option that wants them, for error messages.
        kind: what the names are of.
    """
    if isinstance(wanted, str | list):
        return _by_name(names, [wanted] if isinstance(wanted, str) else wanted, key, kind)
    return _by_share(names, wanted, key, kind)


def _by_share(names: Sequence[str], share: float, key: str, kind: str) -> set[str]:
    """Return the last names; their number is the rounded share, but at least one."""
    if not 0 < share < 1:
        raise ConfigError(
            f"{key}={share}; allowed: a share between 0 and 1, or names of {kind}s, "
            f"for example {key}=[{names[-1]}]{_or_null(key)}"
        )
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    return set(names[-count:])  # no random choice: everyone has the same split


def _by_name(names: Sequence[str], asked: Sequence[str | int], key: str, kind: str) -> set[str]:
    """Return the names that were asked for, if they exist and leave some for training."""
    wanted = {str(name) for name in asked}
    where = "the data has" if key == "data.test" else "outside the test split there are"
    has = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))
    if strange := sorted(wanted - set(names)):
        raise ConfigError(f"{key}: there is no {kind} {strange[0]!r}; {where} {has}{_or_null(key)}")
    if not wanted or wanted == set(names):
        raise ConfigError(
            f"{key} holds {len(wanted)} of {len(names)} {kind}s, and one split is empty; "
            f"{where} {has}{_or_null(key)}"
        )
    return wanted


def _or_null(key: str) -> str:
    """Return the further value that is allowed: only the validation split may be absent."""
    return "; or type data.val=null" if key == "data.val" else ""
