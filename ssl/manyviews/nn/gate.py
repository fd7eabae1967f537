"""Hydra's gate, which opens some dimensions for a pair of classes, and its choice of pairs.

Wu et al.: "SimLAP: Simple Representation Learning from Arbitrary Pairs", 2024, arXiv 2410.18200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews import distributed, draws
from manyviews.errors import ConfigError
from manyviews.panels import Heatmap, Panel

CLOSED = 0.02  # gates whose mean value is at most this count as closed
SHOWN = 20  # number of classes in the report
PartnerPolicy = Literal["arbitrary", "identical", "distinct"]


class Gate(nn.Module):
    """A network that maps a pair of classes to a value between 0 and 1 for every dimension.

    It is an MLP on the mean of the two classes' learned embeddings, and ends in a sigmoid.

    Args:
        classes: M, the number of classes.
        widths: width of the class embedding, of the hidden layer, and P; 512, 1024, 256 in the
            authors' code.
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
        """Return the gate of each pair of classes; the order of a pair does not matter."""
        return self.mask((self.classes(first) + self.classes(second)) / 2)


def closed_gate_warning(open_share: float) -> dict[str, str]:
    """Return the warning that all gates are closed, a form of collapse, or an empty dict.

    Methods return it from `Method.collapse`.

    Args:
        open_share: mean value of the gates over pairs and dimensions.
    """
    if open_share > CLOSED:
        return {}
    return {
        "gate": f"the gates are closed, {open_share:.3f} of the dimensions open: lower "
        "optimizer.weight_decay or optimizer.lr"
    }


@torch.no_grad()
def gate_panels(gate: Gate | None, class_names: Sequence[str]) -> list[Panel]:
    """Return a panel with the mean gate of each pair of classes, for `Method.panels`.

    Args:
        gate: in evaluation mode; the first 20 classes are shown. None gives no panel.
        class_names: name of each class.
    """
    if gate is None:
        return []
    shown = torch.arange(min(gate.classes.num_embeddings, SHOWN))
    rows = [gate(shown, first.expand(len(shown))).mean(1) for first in shown]
    names = class_names[: len(shown)]
    more = len(class_names) > len(shown)
    text = "Mean share of the dimensions that the gate opens for each pair of classes, from 0 to 1"
    text += f"; the first {len(shown)} of {len(class_names)} classes." if more else "."
    return [Panel("gates", "Gates", text, [Heatmap("", torch.stack(rows).numpy(), names, names)])]


def require_enough_classes(classes: int, positives: PartnerPolicy) -> None:
    """Raise unless a row can have negatives, which are keys of neither class of its pair.

    Raises:
        ConfigError: if every key would be of one of the two classes.
    """
    # A distinct pair takes two classes, an identical or arbitrary one may take a single class.
    least = 3 if positives == "distinct" else 2
    if classes < least:
        raise ConfigError(
            f"method.positives={positives} needs {least} classes or more, the data have {classes}; "
            "type method.positives=arbitrary, or choose other data"
        )


def draw_partners(
    label: Int64[Tensor, " B"], positives: PartnerPolicy, classes: int, *, seed: int, step: int
) -> Int64[Tensor, " B"]:
    """Return the class that each row of this rank is paired with at this step.

    The draw is made for the rows of all ranks together: splitting the same global batch over more
    ranks gives the same partners.

    Args:
        label: class of each row of this rank.
        positives: how the partner class of a row is chosen. "arbitrary": the class of another row,
            by a permutation of the batch; "identical": its own class; "distinct": any class but its
            own, even one that the batch does not hold.
        classes: M, the number of classes.
        seed: the run's seed.
        step: the optimizer step.
    """
    if positives == "identical":
        return label
    everyone = distributed.gather(label)
    if positives == "arbitrary":
        order = draws.permutation(seed, step, len(everyone), "partner").to(label.device)
        return distributed.local_rows(everyone[order])
    rows = distributed.local_rows(torch.arange(len(everyone), device=label.device))
    turn = draws.uniform(seed, step, rows, 0, "partner", 1)[:, 0]
    # A step of 1 to M - 1 around the circle of classes reaches each of the others equally often.
    return (label + 1 + (turn * (classes - 1)).long()) % classes
