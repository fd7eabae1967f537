"""Read a list of training items from a file, such as SimCLR's 1 % of ImageNet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.errors import ConfigError


def positions_in(file: Path, names: Sequence[str] | None) -> Int64[Tensor, " n"]:
    """Return the positions of the training items that a file lists, in ascending order.

    Args:
        file: a text file with one item per line: its file name, as in
            google-research/simclr/imagenet_subsets/1percent.txt, the end of its path, such as
            n01440764/n01440764_10026.JPEG, or its row in the training split, from 0.
        names: path of every training item by its position, with / between folders; None if the
            data have none.

    Raises:
        ConfigError: the file cannot be read or is empty, a name belongs to no training item or to
            several, or the data have no file names.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"subset={file} cannot be read: {error}") from error
    lines = [line for line in lines if line]
    if not lines:
        raise ConfigError(f"subset={file} is empty; allowed: one file name or row per line")
    if all(line.isdecimal() for line in lines):
        return torch.tensor([int(line) for line in lines]).unique()
    if names is None:
        raise ConfigError(
            f"subset={file} lists file names, but these data have none; "
            "list rows of the training split instead, from 0, one per line"
        )
    return torch.tensor(_by_name(file, lines, names)).unique()


def rows_in(
    file: Path, position: Int64[Tensor, " N"], names: Sequence[str] | None
) -> Int64[Tensor, " n"]:
    """Return the places, among labelled training items, of those that a file lists.

    Args:
        file: see `positions_in`.
        position: position of every labelled training item.
        names: see `positions_in`.

    Raises:
        ConfigError: see `positions_in`; or a listed item is not among them.
    """
    listed = positions_in(file, names)
    rows = torch.isin(position, listed).nonzero()[:, 0]
    if len(rows) < len(listed):
        raise ConfigError(
            f"subset={file}: {len(listed) - len(rows)} of {len(listed)} listed items are not among "
            "the labelled training items"
        )
    return rows


def hashed(position: Int64[Tensor, " n"]) -> str:
    """Return twelve hex digits that identify items."""
    return hashlib.sha256(position.numpy().astype("<i8").tobytes()).hexdigest()[:12]


def _by_name(file: Path, lines: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the position of the item whose path ends with each line."""
    by_end: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        by_end.setdefault(name.rpartition("/")[2], []).append(position)
    found = {}
    for line in lines:
        alike = by_end.get(line.rpartition("/")[2], [])
        found[line] = [p for p in alike if f"/{names[p]}".endswith(f"/{line}")]
    for said, wrong in (
        ("are not among the training items", [x for x, at in found.items() if not at]),
        (
            "fit several training items; put the folder before the name, as in class/name.png",
            [x for x, at in found.items() if len(at) > 1],
        ),
    ):
        if wrong:
            raise ConfigError(
                f"subset={file}: {len(wrong)} of {len(found)} names, such as '{wrong[0]}', {said}"
            )
    return [at[0] for at in found.values()]
