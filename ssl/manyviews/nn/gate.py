"""The gate of Hydra: which dimensions are open for a pair of classes (arXiv 2410.18200)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews import distributed, draws
from manyviews.errors import ConfigError

CLOSED = 0.02  # mean share of the dimensions that is open
SHOWN = 20  # classes in the report
Positives = Literal["arbitrary", "identical", "distinct"]


class Gate(nn.Module):
    """A share between 0 and 1 for every dimension, from the mean embedding of the two classes.

    Args:
        classes: how many there are.
        widths: embedding of a class, hidden, P; 512, 1024, 256 in the authors' code.
    """

    def __init__(self, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        embedding, hidden, projection = widths
        self.classes = nn.Embedding(classes, embedding)
        self.mask = nn.Sequential(
            nn.ReLU(),
            nn.BatchNorm1d(embedding),
            nn.Linear(embedding, hidden),
            nn.ReLU(),
            nn.BatchNorm1d(hidden),
            nn.Linear(hidden, projection),
            nn.Sigmoid(),
        )

    def forward(
        self, first: Int64[Tensor, " B"], second: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B P"]:
        """The mask of each pair, the same for both orders."""
        return self.mask((self.classes(first) + self.classes(second)) / 2)


def closed(share: float) -> dict[str, str]:
    """The sign of collapse that every pair's gate is closed, for `Method.collapse`.

    Args:
        share: mean of the masks.
    """
    if share > CLOSED:
        return {}
    return {
        "gate": f"the gates are closed, {share:.3f} of the dimensions open: lower "
        "optimizer.weight_decay or optimizer.lr"
    }


@torch.no_grad()
def open_shares(gate: Gate | None, class_names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the mean open share (M, M) of each pair of classes, for `Method.report_arrays`.

    Args:
        gate: in evaluation mode, or None; only the first 20 classes are returned.
        class_names: name of each class.
    """
    if gate is None:
        return {}
    shown = torch.arange(min(gate.classes.num_embeddings, SHOWN))
    rows = [gate(shown, first.expand(len(shown))).mean(1) for first in shown]
    return {"gates": torch.stack(rows).numpy(), "gate_classes": np.array(class_names)}


def check_classes(classes: int, positives: Positives) -> None:
    """Nothing, where some keys can be negatives: of neither class of a pair.

    Raises:
        ConfigError: every key is of one of the two.
    """
    least = 3 if positives == "distinct" else 2
    if classes < least:
        raise ConfigError(
            f"method.positives={positives} needs {least} classes or more, the data have {classes}; "
            "type method.positives=arbitrary, or choose other data"
        )


def partners(
    label: Int64[Tensor, " B"], positives: Positives, classes: int, *, seed: int, step: int
) -> Int64[Tensor, " B"]:
    """The class that each row of this rank is paired with at this step.

    It depends on the rows of all ranks together, and not on how they are shared.

    Args:
        label: of this rank's rows.
        positives: "arbitrary": another row's class, a permutation; "identical": its own;
            "distinct": any class but its own, whether the batch holds it or not.
        classes: how many there are.
        seed: of the run.
        step: optimizer step.
    """
    if positives == "identical":
        return label
    everyone = distributed.gather(label)
    if positives == "arbitrary":
        order = draws.permutation(seed, step, len(everyone), "partner").to(label.device)
        return distributed.share(everyone[order])
    rows = distributed.share(torch.arange(len(everyone), device=label.device))
    turn = draws.uniform(seed, step, rows, 0, "partner", 1)[:, 0]
    return (label + 1 + (turn * (classes - 1)).long()) % classes
