"""What identifies the content of a data set, whatever its kind: run folders and caches store it."""

from __future__ import annotations

from typing import Any

from manyviews.datamodules.named_splits import named_splits


def fingerprint(splits: Any, items: str) -> dict[str, Any]:
    """Return name, channels and size, and of each split count, labels, groups and SHA-256.

    Args:
        splits: a data set with `name`, `channels` and `size`, each of whose splits has a `label`
            and its own `fingerprint()`.
        items: the word for the rows of a split, "images" or "windows"; the key of their count.
    """
    return {
        "name": splits.name,
        "channels": splits.channels,
        "size": list(splits.size),
        **{name: _of_split(rows, items) for name, rows in named_splits(splits).items()},
    }


def _of_split(rows: Any, items: str) -> dict[str, Any]:
    values, counts = rows.label.unique(return_counts=True)
    histogram = {str(int(v)): int(n) for v, n in zip(values, counts, strict=True)}
    group = rows.group if items == "images" else None  # those of windows are in their digest
    groups = {} if group is None else {"groups": len(group[group >= 0].unique())}
    return {items: len(rows.label), "labels": histogram, **groups, **rows.fingerprint()}
