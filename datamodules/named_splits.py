"""The splits of a data set by name: "train", "test" and, if there is one, "val"."""

from __future__ import annotations

from typing import Any, Literal

Split = Literal["train", "val", "test"]


def named_splits(splits: Any) -> dict[Split, Any]:
    """Return the splits that a data set has; every data set has "train" and "test".

    Args:
        splits: a data set, images or series, or one of another package, which may lack `val`.
    """
    val = getattr(splits, "val", None)
    held: dict[Split, Any] = {"train": splits.train, "test": splits.test}
    return held if val is None else {**held, "val": val}
