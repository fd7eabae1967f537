"""What protocols say about the winner of a grid of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BEYOND = 2  # further values that are proposed where the grid ends


def edge(key: str, values: Sequence[float], accuracy: Mapping[float, float], won: float) -> str:
    """Return a sentence with what to type if the winner lies at the end of its values, else "".

    Nothing is said if the value next to it is as good, since the accuracy is flat there, and if
    the smallest value is 0, below which there is nothing.

    Args:
        key: name of the values in a config, such as `evaluation.linear.learning_rates`.
        values: the values of the grid, in any order.
        accuracy: accuracy on the validation items of the tried values, with all else as the winner.
        won: the value that was chosen.
    """
    down, up = sorted(set(values)), sorted(set(values), reverse=True)
    for order, extreme, other in ((down, "smallest", "smaller"), (up, "largest", "larger")):
        if len(order) < 2 or won != order[0] or won == 0:
            continue
        if accuracy[won] <= accuracy[order[1]]:
            continue
        ratio = won / order[1] if order[1] else 10.0
        further = [*order[::-1], *(won * ratio**i for i in range(1, BEYOND + 1))]
        typed = ",".join(f"{v:.3g}" for v in sorted(further))
        return (
            f"the {extreme} of {len(order)} values of {key} won ({won:g}): "
            f"{other} ones may be better; type '{key}=[{typed}]'"
        )
    return ""


def ranked(
    settings: Sequence[Mapping[str, float]], accuracy: Sequence[float]
) -> list[dict[str, float]]:
    """Return every setting with its accuracy on the validation items, the best first.

    Of equally good settings the order of the grid stays.
    """
    rows = [{**s, "accuracy": a} for s, a in zip(settings, accuracy, strict=True)]
    return sorted(rows, key=lambda row: -row["accuracy"])
