"""The result of every reader, and the conversion of labels in a file to class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from manyviews.datamodules.label_text import UNKNOWN, changes, class_names, labels_of
from manyviews.datamodules.series.hold_out import natural_order
from manyviews.datamodules.series.readers.names import listed, unique_names
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError

LONGEST = 1000  # characters of a label


class FileContent(NamedTuple):
    """The content of a file, not yet checked for missing values.

    Attributes:
        recordings: at least one; if subjects are unknown, each counts as another subject.
        channels: names of the channels.
        classes: name of each label.
        rate: sampling rate in Hz; None if the file does not say.
        knows_subjects: True if the file says who was recorded.
        test_recordings: number of recordings at the end that come from a file of test data.
        notes: a sentence for each thing that was read differently than it is written.
    """

    recordings: list[Recording]
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rate: float | None = None
    knows_subjects: bool = False
    test_recordings: int = 0
    notes: tuple[str, ...] = ()


class Numbered(NamedTuple):
    """Labels as numbers.

    Attributes:
        label: class numbers 0..M-1, -1 if unknown, in the shape of the labels.
        classes: names of the M classes.
        notes: a sentence for each way in which names were read differently than written.
    """

    label: Int64[np.ndarray, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def text_array(texts: Sequence[str], where: str) -> np.ndarray:
    """Return names as an array; each takes as much memory as the longest.

    Raises:
        ConfigError: a name is longer than any that somebody means.
    """
    if long := next((text for text in texts if len(text) > LONGEST), None):
        raise ConfigError(
            f"{where}: a label of {len(long):,} characters begins with {long[:20]!r}; is a quote "
            "missing?"
        )
    return np.array(texts, dtype=str)


def number_labels(label: np.ndarray, classes: Sequence[str] | None, where: str) -> Numbered:
    """Return the labels as numbers, and the names of the classes.

    Args:
        label: whole numbers (negative: unknown) or names, as `label_text.class_names` reads them.
        classes: names of the classes; None: those that occur, in natural order.
        where: file and key, for error messages.

    Raises:
        ConfigError: labels are of another type, or a label has no class.
    """
    names = None if classes is None else unique_names(classes, where, "class")
    if label.dtype.kind == "U":
        return _number_names(label, names, where)
    if label.dtype.kind not in "iub":
        raise ConfigError(
            f"{where}: labels are {label.dtype}; allowed: whole numbers or names, and -1 or an "
            "empty name if unknown"
        )
    if names is None:
        values = np.unique(label[label >= 0])
        number = np.searchsorted(values, label).astype(np.int64)
        return Numbered(np.where(label < 0, -1, number), tuple(map(str, values.tolist())))
    # Compared before the conversion, in which a label above 2^63 would become negative.
    if label.size and label.max() >= len(names):
        raise ConfigError(f"{where}: label {label.max()}, but {len(names)} classes from 0 on")
    return Numbered(np.maximum(label.astype(np.int64), -1), names)


def _number_names(label: np.ndarray, classes: tuple[str, ...] | None, where: str) -> Numbered:
    """Return the class of each name."""
    # Names are looked up once each, not once per step.
    values, back, count = np.unique(label, return_inverse=True, return_counts=True)
    texts = [str(value) for value in values]
    if classes is None:
        classes, number = labels_of(texts, order=natural_order)
        number, meaning = number.numpy(), class_names(texts)
    else:
        number, meaning = _among(texts, classes, where)
    # A sentence counts labels, so that each text that is changed stands as often as in the file.
    # A declared class that is called None is not changed.
    repeated = [
        text
        for text, name, times in zip(texts, meaning, count.tolist(), strict=True)
        for _ in range(times if name != text else text.lower() not in UNKNOWN)
    ]
    notes = () if meaning == texts else tuple(f"{where}: {said}" for said in changes(repeated))
    return Numbered(number[back].reshape(label.shape), classes, notes)


def _among(
    texts: list[str], classes: tuple[str, ...], where: str
) -> tuple[Int64[np.ndarray, " N"], list[str | None]]:
    """Return number and name of the class that each text means, out of declared classes."""
    # Read together, so that 1.0 is class 1. A declared class is one even if it is called None.
    meaning = [
        text.strip() if text.strip() in classes else name
        for text, name in zip(texts, class_names([*texts, *classes])[: len(texts)], strict=True)
    ]
    strange = sorted({name for name in meaning if name is not None} - set(classes))
    if strange:
        raise ConfigError(f"{where}: label {strange[0]!r} is none of {listed(classes)}")
    number = {None: -1, **{name: i for i, name in enumerate(classes)}}
    return np.array([number[name] for name in meaning], dtype=np.int64), meaning
