"""The words by which folders and columns of tables call the splits of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from manyviews.errors import ConfigError

TRAIN = ("train", "training")
# The first that exists is the test split; without any, the first validation split is.
TEST = ("test", "testing", "eval", "evaluation")
VAL = ("val", "valid", "validation", "dev")


class Chosen(NamedTuple):
    """Names of the splits that are read.

    Attributes:
        train: name of the training split.
        test: name of the test split; None if a share of the training split has to be held out.
        val: name of the validation split; None if there is none, or if it is the test split.
        unread: names of further splits, which nothing reads.
    """

    train: str
    test: str | None
    val: str | None = None
    unread: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """A sentence if the test split is called a validation split."""
        if self.test is None or _word(self.test) not in VAL:
            return []
        return [f"there is no test split: {self.test!r} is read as it, so choose nothing on it"]


def is_split(name: str) -> bool:
    """Return True if a name is a word for a split, in capitals or not."""
    return _word(name) in (*TRAIN, *TEST, *VAL)


def choose(names: Sequence[str], where: str) -> Chosen:
    """Return which of these splits are read.

    >>> choose(["val", "Train", "test", "dev"], "photos")
    Chosen(train='Train', test='test', val='val', unread=('dev',))
    >>> choose(["val", "train"], "photos").test
    'val'

    Args:
        names: names for which `is_split` holds.
        where: the folder or table, for error messages.

    Raises:
        ConfigError: there is no training split, or two names mean the same split.
    """
    train, tests, vals = (_in_order(names, words) for words in (TRAIN, TEST, VAL))
    if not train:
        raise ConfigError(
            f"{where} has {listed([*tests, *vals])} but no training split; name one train, or "
            "leave out the splits, so that a share (data.test) is held out"
        )
    if not tests:  # papers call the only split beside train so
        tests, vals = vals, []
    for same in (train, _same_word(tests), _same_word(vals)):
        if len(same) > 1:
            raise ConfigError(f"{where}: {listed(same)} mean the same split; keep one name for it")
    test, val = (next(iter(part), None) for part in (tests, vals))
    return Chosen(train[0], test, val, (*tests[1:], *vals[1:]))


def _in_order(names: Iterable[str], words: tuple[str, ...]) -> list[str]:
    """Return the names that are one of these words, in the order of the words."""
    found = sorted(name for name in {*names} if _word(name) in words)
    return sorted(found, key=lambda name: words.index(_word(name)))


def _same_word(names: list[str]) -> list[str]:
    """Return the names that differ from the first one only in capitals."""
    return [name for name in names if _word(name) == _word(names[0])]


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return the first names in quotes, and the number of further ones.

    >>> listed(["a", "b", "c", "d"], 2)
    "'a', 'b' and 2 more"
    """
    names = list(names)
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _word(name: str) -> str:
    return name.strip().lower()
