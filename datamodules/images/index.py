"""The index of a data set of files: paths, classes, groups and splits."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import NamedTuple

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


def relative(path: Path, folder: str | Path) -> str:
    """Return the name of a file from a folder, with slashes on every system.

    Names are hashed and stored, and a data set can move between systems.
    """
    return PurePath(os.path.relpath(path, folder)).as_posix()


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
        val: files of the validation split; None if there is none.
        root: folder to which names are hashed when files are held out; None: `folder`, or else the
            folder that all training files share.
    """

    train: LabelledFiles
    test: LabelledFiles
    folder: Path | None = None
    dataset: str = ""
    statistics: Statistics | None = None
    notes: tuple[str, ...] = ()
    val: LabelledFiles | None = None
    root: Path | None = None

    @property
    def splits(self) -> tuple[LabelledFiles, ...]:
        """The training and the test split, and the validation split if there is one."""
        return (self.train, self.test) if self.val is None else (self.train, self.test, self.val)

    @property
    def paths(self) -> list[Path]:
        """Paths of all splits, one after another."""
        return [path for part in self.splits for path in part.paths]

    @property
    def classes(self) -> list[str | None]:
        """Class of each of `paths`."""
        return [name for part in self.splits for name in part.classes]

    @property
    def groups(self) -> list[str | None] | None:
        """Group of each of `paths`; None if there are no groups."""
        if all(part.groups is None for part in self.splits):
            return None
        return [name for part in self.splits for name in part.groups or [None] * len(part.paths)]
