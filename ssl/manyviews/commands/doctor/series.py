"""The diagnosis of time series: counts, lengths, missing values, classes, subjects, copies."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice

import numpy as np
from torch import Tensor

from manyviews.commands.doctor.issues import Case, Issue, quantity
from manyviews.commands.doctor.summary import Line
from manyviews.datamodules.named_splits import named_splits
from manyviews.datamodules.series.recordings import Recordings
from manyviews.datamodules.series.splits import SeriesSplits

Parts = dict[str, Recordings]
SHOWN = 10  # channels or classes in one line


def issues_of(splits: SeriesSplits, nan: str | None) -> list[Issue]:
    """Return the issues of a data set of series that have cases.

    Args:
        splits: the data set, in which missing values were kept.
        nan: "refuse" if training will refuse missing values.
    """
    parts = _parts(splits)
    short = [Case([text]) for text in splits.skipped]
    found = [
        Issue("short", f"{quantity(len(short), 'recording')} left out", short, len(short)),
        *_copies(parts),
        *_missing(parts, stops=nan == "refuse"),
        *_lonely_classes(splits),
    ]
    return [issue for issue in found if issue.affected]


def lines_of(splits: SeriesSplits) -> Iterator[Line]:
    """Yield the summary: recordings, windows, channels, classes, subjects and notes."""
    parts = _parts(splits)
    length = np.concatenate([part.length.numpy() for part in parts.values()])
    least, most = int(length.min()), int(length.max())
    any_part = splits.train.recordings
    rate = any_part.rate if any_part.knows_rate else None
    text = f"{len(length):,} of {least:,} to {most:,} steps"
    text += "" if rate is None else f" at {rate:g} Hz"
    values = {"recordings": len(length), "least": least, "most": most, "rate": rate}
    yield Line("recordings", text, values)
    counts = {name: len(part.label) for name, part in named_splits(splits).items()}
    text = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    text += f", of {splits.size[0]:,} steps"
    yield Line("windows", text, {**counts, "steps": splits.size[0]})
    names = any_part.channels
    text = f"{len(names)}: {', '.join(map(repr, names[:SHOWN]))}"
    text += f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    yield Line("channels", text, {"names": [*names]})
    yield _classes(splits)
    if any_part.knows_subjects:
        people = {name: len(part.subject.unique()) for name, part in parts.items()}
        yield Line("subjects", ", ".join(f"{n:,} {name}" for name, n in people.items()), people)
    if splits.notes:
        yield Line("notes", "; ".join(splits.notes), {"notes": [*splits.notes]})


def _parts(splits: SeriesSplits) -> Parts:
    """Return the recordings by split; windows that were drawn at random share theirs."""
    if splits.train.recordings is splits.test.recordings:
        return {"both splits" if splits.val is None else "all splits": splits.train.recordings}
    return {name: part.recordings for name, part in named_splits(splits).items()}


def _copies(parts: Parts) -> Iterator[Issue]:
    """Yield recordings with the same values, and those of them that lie in several splits."""
    same: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
    for split, part in parts.items():
        for name, value in zip(part.names, part.value.split(part.length.tolist()), strict=True):
            same[_digest(value)].append((split, name))
    groups = [group for group in same.values() if len(group) > 1]
    leaks = [group for group in groups if len({split for split, _ in group}) > 1]
    both = "training and test split" if len(parts) < 3 else "several splits"
    for kind, found, where in (
        ("copies", groups, "the same values as another"),
        ("leaks", leaks, f"the same values in {both}"),
    ):
        count = sum(map(len, found))
        cases = [Case([f"{split}: {name}" for split, name in group]) for group in found]
        yield Issue(kind, f"{quantity(count, 'recording')} with {where}", cases, count)


def _digest(value: Tensor) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(value.numpy()).data).digest()


def _missing(parts: Parts, *, stops: bool) -> Iterator[Issue]:
    """Yield the missing values by channel."""
    count = Counter[str]()
    for part in parts.values():
        for channel, number in zip(part.channels, part.value.isnan().sum(0).tolist(), strict=True):
            count[channel] += number
    cases = [Case([channel], f"{number:,}") for channel, number in count.items() if number]
    advice = "; training refuses them unless you type data.nan=keep" if stops else ""
    yield Issue("missing", f"{count.total():,} values are missing{advice}", cases, count.total())


def _histogram(label: Tensor, classes: int) -> list[int]:
    return np.bincount(label[label >= 0].numpy(), minlength=classes).tolist()


def _lonely_classes(splits: SeriesSplits) -> Iterator[Issue]:
    """Yield the classes that only one of the splits has."""
    train, test = (_histogram(p.label, len(splits.classes)) for p in (splits.train, splits.test))
    cases = [
        Case([name], "only in the test split" if b else "only in the training split")
        for name, a, b in zip(splits.classes, train, test, strict=True)
        if bool(a) != bool(b)
    ]
    text = f"{quantity(len(cases), 'class', 'classes')} in one split only"
    yield Issue("one_split", text, cases, len(cases))


def _classes(splits: SeriesSplits) -> Line:
    """Return the training windows of each class, and the share without one."""
    count = _histogram(splits.train.label, len(splits.classes))
    unknown = float((splits.train.label < 0).double().mean())
    named = dict(zip(splits.classes, count, strict=True))
    text = quantity(len(named), "class", "classes") + " in training windows"
    if named:
        text += f": {', '.join(f'{name!r} {n:,}' for name, n in islice(named.items(), SHOWN))}"
        text += f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    text += f"; {unknown:.1%} of them without a class" if unknown else ""
    return Line("classes", text, {"train": named, "without_class": unknown})
