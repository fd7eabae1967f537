"""What deserves a second look in a data set, told from one look at every image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from manyviews.commands.doctor.duplicates import alike, groups, same
from manyviews.datamodules.images.scan import Survey

BLANK = 1 / 255  # standard deviation of the pixels, of 1
IMBALANCE = 10  # times that the largest class exceeds the smallest


class Looked(NamedTuple):
    """Every image of a data set, the training split first.

    Attributes:
        names: relative file names, or places as `train[17]`.
        survey: what the look told.
        test: whether the image belongs to the test split.
        label: -1 where unknown.
        classes: name of each label.
    """

    names: list[str]
    survey: Survey
    test: Bool[np.ndarray, " N"]
    label: Int64[np.ndarray, " N"]
    classes: tuple[str, ...]

    def readable(self) -> Looked:
        """Those that can be used."""
        rows = np.flatnonzero(self.survey.reason == "")
        names, survey = [self.names[i] for i in rows], self.survey.rows(rows)
        return Looked(names, survey, self.test[rows], self.label[rows], self.classes)

    def counts(self) -> dict[str, Int64[np.ndarray, " M"]]:
        """Images of each class in each split."""
        most = len(self.classes)
        known = self.label >= 0
        return {
            split: np.bincount(self.label[known & (self.test == test)], minlength=most)
            for split, test in (("train", False), ("test", True))
        }


class Named(NamedTuple):
    """Images, files, folders or classes that belong together, and what is to be said of them."""

    names: list[str]
    note: str = ""


class Finding(NamedTuple):
    """One kind of thing that was found.

    Attributes:
        kind: its name, fixed.
        said: a sentence.
        named: all cases.
        affected: images, files, folders or classes.
    """

    kind: str
    said: str
    named: list[Named]
    affected: int


def of_files(looked: Looked) -> Iterator[Finding]:
    """Files that cannot be used."""
    rows = np.flatnonzero(looked.survey.reason)
    named = [Named([looked.names[i]], str(looked.survey.reason[i])) for i in rows]
    said = f"{counted(len(rows), 'file')} cannot be used; data.on_bad_sample=skip leaves them out"
    yield Finding("unreadable", said, named, len(rows))


def of_copies(looked: Looked) -> Iterator[Finding]:
    """Duplicates, exact and near; those that cross the splits; those that differ in their class.

    Args:
        looked: readable images only.
    """
    exact = same(looked.survey.digest)
    near = _near(looked, exact)  # copies look the same, too
    kin = [rows for rows in groups(near) if len({*exact[rows]}) > 1]
    yield _grouped(looked, "exact_duplicates", groups(exact), "are byte for byte the same")
    yield _grouped(looked, "near_duplicates", kin, "look the same, but differ in their bytes")
    leaks = [rows for rows in groups(exact) if _crosses(looked, rows)]
    yield _leaked(looked, "exact_leaks", leaks, "also in the training split")
    leaked = np.isin(np.arange(len(near)), np.concatenate([*leaks, []])) & looked.test
    leaks = [rows[~leaked[rows]] for rows in groups(near)]
    leaks = [rows for rows in leaks if _crosses(looked, rows)]
    yield _leaked(looked, "near_leaks", leaks, "that look the same as a training image")
    torn = [rows for rows in groups(near) if len(_known(looked, rows)) > 1]
    yield _grouped(looked, "label_conflicts", torn, "are the same, or look it, in several classes")


def of_pixels(looked: Looked) -> Iterator[Finding]:
    """Images of a single colour.

    Args:
        looked: readable images only.
    """
    rows = np.flatnonzero(blank(looked.survey))
    named = [Named([looked.names[i]]) for i in rows]
    yield Finding("blank", f"{counted(len(rows), 'image')} of one even colour", named, len(rows))


def of_classes(looked: Looked) -> Iterator[Finding]:
    """Classes that are missing in a split, of one image, or of very different sizes.

    Args:
        looked: readable images only.
    """
    train, test = looked.counts().values()
    for kind, rows, said in (
        ("classes_not_in_train", train == 0, "no usable training image"),
        ("classes_of_one_image", train == 1, "a single training image"),
        ("classes_not_in_test", test == 0, "no usable test image"),
    ):
        named = [Named([looked.classes[c]]) for c in np.flatnonzero(rows)]
        yield Finding(
            kind, f"{counted(len(named), 'class', 'classes')} with {said}", named, len(named)
        )
    yield _imbalance(looked.classes, train)
    rows = np.flatnonzero(looked.label < 0)
    named = [Named([looked.names[i]]) for i in rows] if len(rows) < len(looked.label) else []
    yield Finding("no_class", f"{counted(len(named), 'image')} without a class", named, len(named))


def blank(survey: Survey) -> Bool[np.ndarray, " N"]:
    """Whether neither colour nor brightness varies over the image."""
    mean, square = survey.moments[..., 0], survey.moments[..., 1]
    return np.all(square - mean**2 < BLANK**2, axis=1)


def _imbalance(classes: tuple[str, ...], train: Int64[np.ndarray, " M"]) -> Finding:
    filled = np.flatnonzero(train)
    if len(filled) == 0:
        return Finding("imbalance", "", [], 0)
    few, many = filled[train[filled].argmin()], filled[train[filled].argmax()]
    if train[many] < IMBALANCE * train[few]:
        return Finding("imbalance", "", [], 0)
    said = f"the largest class has {train[many] / train[few]:.0f} times the images of the smallest"
    named = [Named([classes[c]], counted(int(train[c]), "training image")) for c in (few, many)]
    return Finding("imbalance", said, named, 2)


def _near(looked: Looked, exact: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """`alike`, asked once for all copies of an image."""
    _, first, copy = np.unique(exact, return_index=True, return_inverse=True)
    survey = looked.survey.rows(first)
    return alike(survey.thumbnail, blank(survey))[copy]


def _crosses(looked: Looked, rows: Int64[np.ndarray, " n"]) -> bool:
    """Whether both splits hold some of them."""
    return bool(looked.test[rows].any() and not looked.test[rows].all())


def _known(looked: Looked, rows: Int64[np.ndarray, " n"]) -> list[str]:
    """Their classes."""
    return [looked.classes[c] for c in sorted({*looked.label[rows]}) if c >= 0]


def _grouped(looked: Looked, kind: str, found: list[np.ndarray], said: str) -> Finding:
    named = [
        Named([looked.names[i] for i in rows], " / ".join(map(repr, _known(looked, rows))))
        for rows in found
    ]
    affected = sum(len(rows) for rows in found)
    said = f"{counted(affected, 'image')} in {counted(len(found), 'group')} {said}"
    return Finding(kind, said, named, affected)


def _leaked(looked: Looked, kind: str, found: list[np.ndarray], said: str) -> Finding:
    named = [Named([looked.names[i] for i in rows]) for rows in found]
    affected = sum(int(looked.test[rows].sum()) for rows in found)
    total = int(looked.test.sum())
    return Finding(kind, f"{affected} of {counted(total, 'test image')} {said}", named, affected)


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun.

    >>> counted(1, "class"), counted(2, "class", "classes")
    ('1 class', '2 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
