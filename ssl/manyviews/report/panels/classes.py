"""The panel of the classes: accuracy of each, confusion, and the hardest items."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Integer

from manyviews.evaluation.words import detailed
from manyviews.panels import Block, Heatmap, Panel, Picture, Pictures, Table, name_of
from manyviews.report.run_files import RunFiles

MOST_CONFUSED = 24  # classes of a confusion matrix that is drawn whole
PAIRS = 20  # pairs that are listed if there are more classes


def classes(files: RunFiles) -> Panel | None:
    """Return accuracy by class, confusion and hardest items; None if no classes were predicted."""
    predicted, names = files.predictions, list(files.card["data"]["classes"])
    found = {n.rpartition("/")[0]: a for n, a in predicted.items() if n.endswith("/top1")}
    chosen = detailed([*found])
    if chosen is None:
        return None
    label = predicted["label"]
    counts = confusion(label, found[chosen], len(names))
    blocks: list[Block] = [_by_class(counts, names, label, found)]
    blocks.append(_matrix(counts, names) if len(names) <= MOST_CONFUSED else _pairs(counts, names))
    blocks += _hardest(files, names)
    items = files.card["data"]["items"]
    text = (
        f"Accuracy of each class of the {len(label)} labelled test {items}; precision, confusion "
        f"and the hardest {items} are those of {chosen}. Rows of the confusion are the true "
        "classes, in percent of the row."
    )
    return Panel("classes", "Classes", text, blocks)


def confusion(
    label: Integer[np.ndarray, " Q"], guess: Integer[np.ndarray, " Q"], classes: int
) -> Int64[np.ndarray, "M M"]:
    """Return how many items of each class (row) were predicted as each class (column)."""
    flat = label.astype(np.int64) * classes + guess.astype(np.int64)
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def _by_class(
    counts: np.ndarray, names: list[str], label: np.ndarray, found: dict[str, np.ndarray]
) -> Table:
    """Return a row for each class that occurs, the least accurate first."""
    size, guessed = counts.sum(1), counts.sum(0)
    right = counts.diagonal()
    accuracy = right / np.maximum(size, 1)
    order = [c for c in np.argsort(accuracy, kind="stable").tolist() if size[c]]
    rows = []
    for c in order:
        own = label == c
        each = [f"{100 * np.mean(guess[own] == c):.1f} %" for guess in found.values()]
        precision = f"{100 * right[c] / guessed[c]:.1f} %" if guessed[c] else "-"
        rows.append([names[c], str(size[c]), *each, precision, _most_confused(counts, names, c)])
    titles = ["class", "items", *found, "precision", "most often taken for"]
    return Table(titles, rows, "By class, the hardest first")


def _most_confused(counts: np.ndarray, names: list[str], c: int) -> str:
    """Return the class that items of a class are most often taken for, with its share."""
    other = counts[c].copy()
    other[c] = 0
    worst = int(other.argmax())
    return f"{names[worst]}, {100 * other[worst] / counts[c].sum():.1f} %" if other[worst] else "-"


def _matrix(counts: np.ndarray, names: list[str]) -> Heatmap:
    """Return the confusion in percent of each row; classes that do not occur stay empty."""
    size = counts.sum(1, keepdims=True)
    share = np.where(size > 0, 100 * counts / np.maximum(size, 1), np.nan)
    return Heatmap("Confusion (%)", share, names, names, 0, "true class", "predicted class")


def _pairs(counts: np.ndarray, names: list[str]) -> Table:
    """Return the pairs of classes that are confused most often, by number of items."""
    off = counts - np.diag(counts.diagonal())
    order = np.argsort(-off, axis=None, kind="stable")[:PAIRS]
    rows = []
    for true, guess in zip(*np.unravel_index(order, off.shape), strict=True):
        if off[true, guess]:
            share = 100 * off[true, guess] / counts[true].sum()
            rows.append([names[true], names[guess], str(off[true, guess]), f"{share:.1f} %"])
    return Table(["class", "taken for", "items", "of the class"], rows, "Most frequent confusions")


def _hardest(files: RunFiles, names: list[str]) -> list[Block]:
    """Return the items that the protocol is most wrong about."""
    g = files.gallery
    if "hardest" not in g:
        return []
    row = [
        Picture(image, f"{name_of(own, names)}, taken for {name_of(guess, names)}")
        for image, own, guess in zip(
            g["hardest"], g["hardest_label"], g["hardest_guess"], strict=True
        )
    ]
    return [Pictures([row], "Hardest: another class scores highest above the own one")]
