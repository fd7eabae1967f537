"""The words by which folders and columns of tables call the splits of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from manyviews.errors import ConfigError

TRAIN = ("train", "training")
# The first that exists is the test split.
TEST = ("test", "testing", "eval", "evaluation", "val", "valid", "validation", "dev")


class Chosen(NamedTuple):
    """Names of the splits that are read.

    Attributes:
        train: name of the training split.
        test: name of the test split; None if a share of the training split has to be held out.
        unread: names of further splits, which nothing reads.
    """

    train: str
    test: str | None
    unread: list[str]


def is_split(name: str) -> bool:
    """Return True if a name is a word for a split, in capitals or not."""
    return _word(name) in (*TRAIN, *TEST)


def choose(names: Iterable[str], where: str) -> Chosen:
    """Return which of these splits are read.

    >>> choose(["val", "Train", "test"], "photos")
    Chosen(train='Train', test='test', unread=['val'])

    Args:
        names: names for which `is_split` holds.
        where: the folder or table, for error messages.

    Raises:
        ConfigError: there is no training split, or two names mean the same split.
    """
    names = sorted(set(names))
    train = [name for name in names if _word(name) in TRAIN]
    test = sorted(set(names) - set(train), key=lambda name: (TEST.index(_word(name)), name))
    if not train:
        raise ConfigError(
            f"{where} has {listed(test)} but no training split; name one train, or leave out the "
            "splits, so that a share (data.test) is held out"
        )
    same = train if len(train) > 1 else [name for name in test if _word(name) == _word(test[0])]
    if len(same) > 1:
        raise ConfigError(f"{where}: {listed(same)} mean the same split; keep one name for it")
    return Chosen(train[0], test[0] if test else None, test[1:])


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
