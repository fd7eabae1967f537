"""What readers find in a file, and how class names become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from manyviews.datamodules.series.holding_out import natural
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError


class Found(NamedTuple):
    """The content of a file, not yet looked over.

    Attributes:
        recordings: at least one; where subjects are unknown, each is a subject of its own.
        channels: their names.
        classes: name of each label.
        rate: in Hz; None: the file does not say.
        knows_subjects: whether the file says who was recorded.
        held_out: so many recordings, the last ones, come from a file of test data.
    """

    recordings: list[Recording]
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rate: float | None = None
    knows_subjects: bool = False
    held_out: int = 0


def numbered(
    label: np.ndarray, classes: Sequence[str] | None, where: str
) -> tuple[Int64[np.ndarray, ...], tuple[str, ...]]:
    """Labels as 0..M-1, -1 where unknown, and the name of each.

    Args:
        label: whole numbers, negative where unknown, or names, empty where unknown.
        classes: names; None: those that occur, in order.
        where: what an error names.

    Raises:
        ConfigError: labels of another kind, or without a class.
    """
    if label.dtype.kind == "U":
        held = set(np.unique(label).tolist()) - {""}
        names = tuple(sorted(held, key=natural)) if classes is None else tuple(classes)
        if strange := sorted(held - set(names)):
            raise ConfigError(f"{where}: label {strange[0]!r} is none of {', '.join(names)}")
        values, back = np.unique(label, return_inverse=True)
        number = {name: i for i, name in enumerate(names)}
        numbers = np.array([number.get(str(value), -1) for value in values], dtype=np.int64)
        return numbers[back].reshape(label.shape), names
    if label.dtype.kind not in "iub":
        raise ConfigError(f"{where}: labels are {label.dtype}; allowed: whole numbers or names")
    label = label.astype(np.int64)
    if classes is None:
        values = np.unique(label[label >= 0])
        return np.where(label < 0, -1, np.searchsorted(values, label)), tuple(map(str, values))
    if label.size and label.max() >= len(classes):
        raise ConfigError(f"{where}: label {label.max()}, but {len(classes)} classes from 0 on")
    return np.maximum(label, -1), tuple(classes)
