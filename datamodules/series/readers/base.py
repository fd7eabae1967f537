"""The result of every reader, and the conversion of labels in a file to class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from manyviews.datamodules.series.hold_out import natural_order
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError


class FileContent(NamedTuple):
    """The content of a file, not yet checked for missing values.

    Attributes:
        recordings: at least one; if subjects are unknown, each counts as another subject.
        channels: names of the channels.
        classes: name of each label.
        rate: sampling rate in Hz; None if the file does not say.
        knows_subjects: True if the file says who was recorded.
        test_recordings: number of recordings at the end that come from a file of test data.
    """

    recordings: list[Recording]
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rate: float | None = None
    knows_subjects: bool = False
    test_recordings: int = 0


def number_labels(
    label: np.ndarray, classes: Sequence[str] | None, where: str
) -> tuple[Int64[np.ndarray, ...], tuple[str, ...]]:
    """Return the labels as 0..M-1, -1 if unknown, and the names of the M classes.

    Args:
        label: whole numbers (negative: unknown) or names (empty: unknown).
        classes: names of the classes; None: those that occur, in natural order.
        where: file and key, for error messages.

    Raises:
        ConfigError: labels are of another type, or a label has no class.
    """
    if label.dtype.kind == "U":  # names
        held = set(np.unique(label).tolist()) - {""}
        names = tuple(sorted(held, key=natural_order)) if classes is None else tuple(classes)
        if strange := sorted(held - set(names)):
            raise ConfigError(f"{where}: label {strange[0]!r} is none of {', '.join(names)}")
        # Names are looked up once each, not once per step.
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
