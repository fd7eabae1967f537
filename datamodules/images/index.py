"""The index of a data set of files: paths, classes, groups and splits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


class LabelledFiles(NamedTuple):
    """Files of one split.

    Attributes:
        paths: the files.
        classes: name of the class of each, None if unknown.
        groups: name of the patient, video or object that each shows, None if it is not known; None
            for all if the data set has no groups.
    """

    paths: list[Path]
    classes: list[str | None]
    groups: list[str | None] | None = None

    def rows(self, rows: list[int]) -> LabelledFiles:
        """Return these rows alone."""
        groups = None if self.groups is None else [self.groups[i] for i in rows]
        return LabelledFiles([self.paths[i] for i in rows], [self.classes[i] for i in rows], groups)


class FileIndex(NamedTuple):
    """All files of a data set, even those that will turn out to be unusable.

    Attributes:
        train: files of the training split.
        test: files of the test split.
        folder: the folder whose images these all are; None if something else names the files.
        dataset: name of the data set; empty if it is that of the function that returns the index.
        statistics: mean and standard deviation per channel; None: those of the training images.
        notes: sentences about what was not read, or read differently than a user may expect.
    """

    train: LabelledFiles
    test: LabelledFiles
    folder: Path | None = None
    dataset: str = ""
    statistics: Statistics | None = None
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """Paths of the training split, then those of the test split."""
        return [*self.train.paths, *self.test.paths]

    @property
    def groups(self) -> list[str | None] | None:
        """Groups of the training split, then those of the test split; None if there are none."""
        parts = (self.train, self.test)
        if all(part.groups is None for part in parts):
            return None
        return [name for part in parts for name in part.groups or [None] * len(part.paths)]
