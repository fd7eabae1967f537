"""Issues of a data set, derived from the scan of its images: duplicates, leaks, odd classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from manyviews.commands.doctor.duplicates import connected, exact_ids, groups, near_ids
from manyviews.commands.doctor.recoloured import recoloured_pairs
from manyviews.datamodules.images.scan import Scan

BLANK = 1 / 255  # standard deviation of pixels from 0 to 1; below it an image is one colour
WORDS = {"train": "training", "test": "test", "val": "validation"}
IMBALANCE = 10  # ratio of the largest to the smallest class that is reported


class ScannedImages(NamedTuple):
    """All images of a data set with their scan, the training split first.

    Attributes:
        names: relative file names, or positions such as `train[17]`.
        scan: the result of the scan.
        test: True if the image belongs to the test split.
        label: class number, -1 if unknown.
        classes: name of each label.
        group: patient, video or object of each image, None if unknown; None if there are no groups.
        val: True if the image belongs to the validation split; None if there is none.
    """

    names: list[str]
    scan: Scan
    test: Bool[np.ndarray, " N"]
    label: Int64[np.ndarray, " N"]
    classes: tuple[str, ...]
    group: list[str | None] | None = None
    val: Bool[np.ndarray, " N"] | None = None

    @property
    def held_out(self) -> Bool[np.ndarray, " N"]:
        """True if the image is not trained on."""
        return self.test if self.val is None else self.test | self.val

    @property
    def splits(self) -> dict[str, Bool[np.ndarray, " N"]]:
        """True for the images of each split, by its name."""
        named = {"train": ~self.held_out, "test": self.test}
        return named if self.val is None else {**named, "val": self.val}

    def readable(self) -> ScannedImages:
        """Return the images that can be used."""
        rows = np.flatnonzero(self.scan.reason == "")
        names, scan = [self.names[i] for i in rows], self.scan.rows(rows)
        group = None if self.group is None else [self.group[i] for i in rows]
        val = None if self.val is None else self.val[rows]
        return ScannedImages(
            names, scan, self.test[rows], self.label[rows], self.classes, group, val
        )

    def split_groups(self) -> dict[str, set[str]]:
        """Return the names of the groups in each split."""
        group = self.group or []
        return {
            split: {g for g, inside in zip(group, part.tolist(), strict=False) if inside and g}
            for split, part in self.splits.items()
        }

    def counts(self) -> dict[str, Int64[np.ndarray, " M"]]:
        """Return the number of images of each class, by split."""
        most = len(self.classes)
        known = self.label >= 0
        return {
            split: np.bincount(self.label[known & part], minlength=most)
            for split, part in self.splits.items()
        }


class Case(NamedTuple):
    """One case of an issue: names of images, files, folders or classes, and a note on them."""

    names: list[str]
    note: str = ""


class Issue(NamedTuple):
    """An issue with all its cases.

    Attributes:
        kind: fixed name, for example "near_duplicates".
        text: a sentence for the terminal.
        cases: all cases.
        affected: number of images, files, folders or classes; 0 if there is no such issue.
    """

    kind: str
    text: str
    cases: list[Case]
    affected: int


def of_files(images: ScannedImages) -> Iterator[Issue]:
    """Yield the issue of files that cannot be used."""
    rows = np.flatnonzero(images.scan.reason)
    cases = [Case([images.names[i]], str(images.scan.reason[i])) for i in rows]
    text = f"{quantity(len(rows), 'file')} cannot be used; data.on_bad_sample=skip leaves them out"
    yield Issue("unreadable", text, cases, len(rows))


def of_duplicates(images: ScannedImages) -> Iterator[Issue]:
    """Yield duplicates, exact and near, those across the splits, and those with several classes.

    Args:
        images: readable images only.
    """
    exact = exact_ids(images.scan.digest)
    near = _near(images, exact)  # exact duplicates are near duplicates, too
    resembling = [rows for rows in groups(near) if len({*exact[rows]}) > 1]
    yield _grouped(images, "exact_duplicates", groups(exact), "are byte for byte the same")
    yield _grouped(
        images, "near_duplicates", resembling, "look the same, but differ in their bytes"
    )
    leaks = [rows for rows in groups(exact) if _crosses(images, rows)]
    yield _leaked(images, "exact_leaks", leaks, "also in the training split")
    # A test image that is an exact leak is not reported as a near leak again.
    leaked = np.isin(np.arange(len(near)), np.concatenate([*leaks, []])) & images.held_out
    leaks = [rows[~leaked[rows]] for rows in groups(near)]
    leaks = [rows for rows in leaks if _crosses(images, rows)]
    yield _leaked(images, "near_leaks", leaks, "that look the same as a training image")
    yield _recoloured(images, near)
    conflicts = [rows for rows in groups(near) if len(_classes_of(images, rows)) > 1]
    yield _grouped(
        images, "label_conflicts", conflicts, "are the same, or look the same, in several classes"
    )


def of_groups(images: ScannedImages) -> Iterator[Issue]:
    """Yield the issue of groups that lie in several splits.

    Args:
        images: readable images only.
    """
    groups = images.split_groups()
    number = Counter(name for part in groups.values() for name in part)
    cases = []
    for group in sorted(name for name, splits in number.items() if splits > 1):
        own = np.array([name == group for name in images.group or []])
        counts = [(int(part[own].sum()), WORDS[split]) for split, part in images.splits.items()]
        cases.append(Case([group], ", ".join(f"{n} {word}" for n, word in counts) + " images"))
    where = "both splits" if len(groups) == 2 else "several splits"
    text = f"{quantity(len(cases), 'group')} of {len(number):,} in {where}"
    yield Issue("group_leaks", text, cases, len(cases))


def of_blank_images(images: ScannedImages) -> Iterator[Issue]:
    """Yield the issue of images of a single colour.

    Args:
        images: readable images only.
    """
    rows = np.flatnonzero(is_blank(images.scan))
    cases = [Case([images.names[i]]) for i in rows]
    yield Issue("blank", f"{quantity(len(rows), 'image')} of one even colour", cases, len(rows))


def of_classes(images: ScannedImages) -> Iterator[Issue]:
    """Yield issues of classes: missing in a split, of one image, or of very different sizes.

    Args:
        images: readable images only.
    """
    counts = images.counts()
    train, test = counts["train"], counts["test"]
    for kind, rows, text in (
        ("classes_not_in_train", train == 0, "no usable training image"),
        ("classes_of_one_image", train == 1, "a single training image"),
        ("classes_not_in_test", test == 0, "no usable test image"),
    ):
        cases = [Case([images.classes[c]]) for c in np.flatnonzero(rows)]
        yield Issue(
            kind, f"{quantity(len(cases), 'class', 'classes')} with {text}", cases, len(cases)
        )
    yield _imbalance(images.classes, train)
    rows = np.flatnonzero(images.label < 0)
    # A data set without any label is no mistake.
    cases = [Case([images.names[i]]) for i in rows] if len(rows) < len(images.label) else []
    yield Issue("no_class", f"{quantity(len(cases), 'image')} without a class", cases, len(cases))


def is_blank(scan: Scan) -> Bool[np.ndarray, " N"]:
    """Return True for images in which neither colour nor brightness varies."""
    mean, square = scan.moments[..., 0], scan.moments[..., 1]
    return np.all(square - mean**2 < BLANK**2, axis=1)


def _imbalance(classes: tuple[str, ...], train: Int64[np.ndarray, " M"]) -> Issue:
    """Return the issue of classes of very different sizes."""
    filled = np.flatnonzero(train)
    if len(filled) == 0:
        return Issue("imbalance", "", [], 0)
    few, many = filled[train[filled].argmin()], filled[train[filled].argmax()]
    if train[many] < IMBALANCE * train[few]:
        return Issue("imbalance", "", [], 0)
    text = f"the largest class has {train[many] / train[few]:.0f} times the images of the smallest"
    cases = [Case([classes[c]], quantity(int(train[c]), "training image")) for c in (few, many)]
    return Issue("imbalance", text, cases, 2)


def _near(images: ScannedImages, exact: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """Return `near_ids` of all images, comparing only one of several exact duplicates."""
    # Thousands of copies of one image would otherwise be compared pair by pair.
    _, first, copy = np.unique(exact, return_index=True, return_inverse=True)
    scan = images.scan.rows(first)
    return near_ids(scan.thumbnail, is_blank(scan))[copy]


def _recoloured(images: ScannedImages, near: Int64[np.ndarray, " N"]) -> Issue:
    """Return the issue of held-out images that are recoloured copies of training images.

    Args:
        images: readable images only.
        near: `near_ids` of the images; pairs that look the same are not reported again.
    """
    pairs = recoloured_pairs(images.scan.thumbnail, images.held_out, ~is_blank(images.scan))
    if pairs is None:
        return Issue("recoloured_leaks", "", [], 0)
    new = near[pairs[0]] != near[pairs[1]]
    found = groups(connected(np.arange(len(near)), pairs[0][new], pairs[1][new]))
    return _leaked(
        images, "recoloured_leaks", found, "that look like a training image in other colours"
    )


def _crosses(images: ScannedImages, rows: Int64[np.ndarray, " n"]) -> bool:
    """Return True if some of these rows are trained on and others are not."""
    held_out = images.held_out[rows]
    return bool(held_out.any() and not held_out.all())


def _classes_of(images: ScannedImages, rows: Int64[np.ndarray, " n"]) -> list[str]:
    """Return the names of the known classes of these rows."""
    return [images.classes[c] for c in sorted({*images.label[rows]}) if c >= 0]


def _grouped(images: ScannedImages, kind: str, found: list[np.ndarray], text: str) -> Issue:
    """Return an issue whose cases are groups of images."""
    cases = [
        Case([images.names[i] for i in rows], " / ".join(map(repr, _classes_of(images, rows))))
        for rows in found
    ]
    affected = sum(len(rows) for rows in found)
    text = f"{quantity(affected, 'image')} in {quantity(len(found), 'group')} {text}"
    return Issue(kind, text, cases, affected)


def _leaked(images: ScannedImages, kind: str, found: list[np.ndarray], text: str) -> Issue:
    """Return an issue whose cases are groups across the splits; the held-out images are counted."""
    cases = [Case([images.names[i] for i in rows]) for rows in found]
    affected = sum(int(images.held_out[rows].sum()) for rows in found)
    noun = "test image" if images.val is None else "test or validation image"
    total = quantity(int(images.held_out.sum()), noun)
    return Issue(kind, f"{affected} of {total} {text}", cases, affected)


def quantity(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, singular or plural.

    >>> quantity(1, "class"), quantity(2, "class", "classes")
    ('1 class', '2 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
