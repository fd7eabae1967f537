"""The panel on REBAR: anchors, their candidates by error, attention and reconstruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from manyviews.panels import Block, Heatmap, Line, Panel, Picture, Pictures, Plot, name_of

SHOWN = 8  # candidates that are shown for each anchor
CHANNELS = 6  # channels of the reconstruction that are shown
SHADE = 0.86  # brightness of hidden steps


class Retrieved(NamedTuple):
    """The findings of a retriever for B anchors among K candidates of T steps.

    Attributes:
        anchor: normalised windows (B, C, T).
        label: int64 (1 + K, B), class of each anchor and of each of its candidates, -1 if unknown.
        candidates: windows (K, B, C, T).
        error: error (K, B) with which each candidate rebuilds the hidden steps of the anchor.
        hidden: True for the m steps (T,) that are hidden.
        attention: attention (m, T) of the first anchor's hidden steps to its best candidate.
        rebuilt: each anchor (B, C, T) rebuilt from its best candidate.
    """

    anchor: Float[Tensor, "B C T"]
    label: Int64[Tensor, "_ B"]
    candidates: Float[Tensor, "K B C T"]
    error: Float[Tensor, "K B"]
    hidden: Bool[Tensor, " T"]
    attention: Float[Tensor, "m T"]
    rebuilt: Float[Tensor, "B C T"]


def retrieval_panel(
    found: Retrieved,
    drawn: Callable[[Tensor], UInt8[np.ndarray, "B c H W"]],
    class_names: Sequence[str],
) -> Panel:
    """Return the panel.

    Args:
        found: what was retrieved.
        drawn: draws windows as pictures.
        class_names: name of each class.
    """
    count = len(found.candidates)
    text = (
        "Windows (anchors, with hidden steps shaded) and the best of their "
        f"{count} candidates, ordered by the error with which each rebuilds the hidden steps. The "
        "best one is the positive; candidates of another class are marked."
    )
    pictures = [_row(found, q, drawn, class_names) for q in range(len(found.anchor))]
    attention = Heatmap(
        "Attention of the first anchor's hidden steps to its chosen candidate",
        found.attention.numpy(),
        row_title="hidden step of the anchor, in order",
        column_title="step of the candidate",
    )
    blocks: list[Block] = [Pictures(pictures), attention, *_rebuilt(found)]
    return Panel("retrieval", "Retrieval", text, blocks)


def _row(
    found: Retrieved, q: int, drawn: Callable[[Tensor], np.ndarray], class_names: Sequence[str]
) -> list[Picture]:
    """Return an anchor and its best candidates, smallest error first."""
    best = found.error[:, q].argsort(stable=True)[:SHOWN]
    own, labels = int(found.label[0, q]), found.label[1:, q][best].tolist()
    (anchor,) = drawn(found.anchor[q : q + 1])
    row = [Picture(shaded(anchor, found.hidden.numpy()), name_of(own, class_names), "query")]
    errors = found.error[best, q].tolist()
    for image, error, label in zip(drawn(found.candidates[best, q]), errors, labels, strict=True):
        other = label != own and label >= 0 and own >= 0
        mark = "wrong" if other else "chosen" if len(row) == 1 else ""
        chosen = ", chosen" if len(row) == 1 else ""
        row.append(Picture(image, f"{error:.4g}{chosen}, {name_of(label, class_names)}", mark))
    return row


def shaded(
    picture: UInt8[np.ndarray, "c H W"], hidden: Bool[np.ndarray, " T"]
) -> UInt8[np.ndarray, "c H W"]:
    """Return the picture of a window with its hidden steps darker."""
    steps, width = len(hidden), picture.shape[2]
    shade = np.where(hidden[np.arange(width) * steps // width], SHADE, 1)
    return (picture * shade).round().astype(np.uint8)


def _rebuilt(found: Retrieved) -> list[Plot]:
    """Return a plot per channel: the first anchor as a line, its rebuilt hidden steps as dots."""
    steps = np.arange(found.anchor.shape[-1])
    hidden = found.hidden.numpy()
    plots = []
    for channel in range(min(CHANNELS, found.anchor.shape[1])):
        anchor, rebuilt = (x[0, channel].numpy() for x in (found.anchor, found.rebuilt))
        lines = [
            Line("anchor", steps.tolist(), anchor.tolist()),
            Line("rebuilt", steps[hidden].tolist(), rebuilt[hidden].tolist(), dots=True),
        ]
        title = f"First anchor, channel {channel}: hidden steps rebuilt from the chosen candidate"
        plots.append(Plot(title, lines, "step", "value"))
    return plots
