"""The words of a comparison: letters for backbones, sentences for the terminal, texts for panels.

Backbones are named by letters in the order in which they were given: their names are long and
alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from manyviews.evaluation.words import letter

Letters = Mapping[str, str]

TEXTS = {
    "scores": (
        "Scores on the test items with 95 % intervals, and the differences over the same items. "
        "Two scores differ if the interval of the difference leaves out zero, whatever their own "
        "intervals do. Choose by validation items, not by this table."
    ),
    "disagreement": (
        "The share of the test items for which two backbones predict different classes, beside the "
        "errors of both. Networks that were trained alike with other seeds were found to disagree "
        "about as often as each of them errs (Jiang et al. 2022); less means that they err on the "
        "same items."
    ),
    "settings": "Config keys in which the runs differ, and no others.",
    "curves": (
        "Loss and online scores over the steps of the optimizer: at most 200 points each, with the "
        "lowest and highest values. Losses of two methods are not on one scale, and steps of two "
        "batch sizes are not equally long."
    ),
    "cka": (
        "How alike two backbones arrange the same test items: CKA is 1 if two layers differ by a "
        "rotation and a factor only, 0 if they have nothing in common. It does not say which is "
        "better, and two good backbones may have a low value."
    ),
    "neighbours": (
        "The training items nearest to the same test items by cosine, a row for each backbone. "
        "Neighbours of another class are marked."
    ),
}


def letters_of(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return A, B, ... by the name of each report."""
    return {name: letter(number) for number, name in enumerate(figures["reports"])}


def sentences(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a comparison says beside its differences: disagreement of predictions, and CKA."""
    letters = letters_of(figures)
    for row in figures["disagreements"]:
        a, b = (letters[row[side]] for side in ("first", "second"))
        first, second = (f"{100 * error:.1f} %" for error in row["errors"])
        yield (
            f"{row['protocol']}: {a} and {b} disagree on {100 * row['share']:.1f} % of the "
            f"{row['n']} test items; their errors are {first} and {second}"
        )
    for row in figures["cka"]:
        a, b = (letters[row[side]] for side in ("first", "second"))
        if "reason" in row:
            yield f"CKA of {a} and {b}: not computed ({row['reason']})"
        elif (value := row["values"][-1][-1]) is not None:
            yield f"CKA of the embeddings of {a} and {b}: {value:.2f} ({row['items']} test items)"
