"""The report's section on REBAR: anchors, their candidates by error, attention, reconstruction.

It is made from these arrays of gallery.npz, if they exist. Windows are normalised as views are:
    retrieval_anchor (Q, C, T), retrieval_label (Q,): windows, and their class, -1 if unknown
    retrieval_candidates (Q, K, C, T), retrieval_candidate_label (Q, K): the same for candidates
    retrieval_error (Q, K): error of the anchor's hidden steps, rebuilt from each candidate
    retrieval_observed (T,): False for the m steps that are hidden
    retrieval_attention (m, T): attention of the first anchor's hidden steps to its best candidate
    retrieval_reconstruction (Q, C, T): each anchor rebuilt from its best candidate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from markupsafe import Markup

from manyviews.report.pictures import data_uri
from manyviews.report.plots import COLOURS, svg
from manyviews.report.words import class_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 8  # candidates that are shown for each anchor
CHANNELS = 6  # channels of the reconstruction that are shown
SHADE = 0.86  # brightness of hidden steps


class Candidate(NamedTuple):
    """A window that may become the positive.

    Attributes:
        picture: data URI.
        error: error of the anchor's hidden steps, rebuilt from this candidate.
        label: name of its class.
        chosen: True if it has the smallest error of all candidates.
        other: True if its class and the anchor's are known and differ.
    """

    picture: str
    error: float
    label: str
    chosen: bool
    other: bool


class Anchor(NamedTuple):
    """A window and its best candidates, smallest error first."""

    picture: str
    label: str
    candidates: list[Candidate]


class Retrieval(NamedTuple):
    """The content of the section.

    Attributes:
        anchors: a few anchors.
        candidates: number of candidates that each anchor had.
        attention: SVG of the attention of the first anchor to its best candidate.
        rebuilt: SVG of the first anchor and its reconstruction.
    """

    anchors: list[Anchor]
    candidates: int
    attention: Markup
    rebuilt: Markup


def retrieval(gallery: Mapping[str, np.ndarray], classes: Sequence[str]) -> Retrieval | None:
    """Return the section, or None if the run has no such arrays."""
    if "retrieval_anchor" not in gallery:
        return None
    g = {n.removeprefix("retrieval_"): a for n, a in gallery.items() if n.startswith("retrieval_")}
    return Retrieval(
        [_anchor(g, q, classes) for q in range(len(g["anchor"]))],
        g["error"].shape[1],
        Markup(attention_picture(g["attention"], g["observed"])),
        Markup(rebuilt_picture(g["anchor"][0], g["reconstruction"][0], g["observed"])),
    )


def _anchor(g: Mapping[str, np.ndarray], q: int, classes: Sequence[str]) -> Anchor:
    from torch import from_numpy

    from manyviews.datamodules.series.drawing import draw_series

    best = g["error"][q].argsort(kind="stable")[:SHOWN]
    own, labels = g["label"][q], g["candidate_label"][q]
    (picture,) = draw_series(from_numpy(g["anchor"][q : q + 1]))
    pictures = draw_series(from_numpy(g["candidates"][q][best]))
    found = [
        Candidate(
            data_uri(p),
            float(g["error"][q, k]),
            class_name(labels[k], classes),
            k == best[0],
            bool(labels[k] != own and labels[k] >= 0 and own >= 0),
        )
        for k, p in zip(best, pictures, strict=True)
    ]
    return Anchor(data_uri(shaded(picture, g["observed"])), class_name(own, classes), found)


def shaded(
    picture: UInt8[np.ndarray, "3 H W"], observed: Bool[np.ndarray, " T"]
) -> UInt8[np.ndarray, "3 H W"]:
    """Return the picture with its hidden steps darker."""
    steps, width = len(observed), picture.shape[2]
    shade = np.where(observed[np.arange(width) * steps // width], 1, SHADE)
    return (picture * shade).round().astype(np.uint8)


def attention_picture(attention: Float[np.ndarray, "m T"], observed: Bool[np.ndarray, " T"]) -> str:
    """Return an SVG with a row per hidden step, darker at the steps that it attends to."""
    hidden = np.flatnonzero(~observed)

    def draw(figure: Figure) -> None:
        """Draw the attention as an image."""
        axes = figure.add_subplot()
        axes.imshow(attention, aspect="auto", cmap="Blues", interpolation="nearest")
        axes.set(xlabel="step of the candidate", ylabel="hidden step of the anchor")
        ticks = np.linspace(0, len(hidden) - 1, min(5, len(hidden))).round().astype(int)
        axes.set_yticks(ticks, [str(hidden[t]) for t in ticks])
        axes.grid(visible=False)

    return svg(draw, (4.6, 3.4))


def rebuilt_picture(
    anchor: Float[np.ndarray, "C T"],
    reconstruction: Float[np.ndarray, "C T"],
    observed: Bool[np.ndarray, " T"],
) -> str:
    """Return an SVG with a panel per channel: hidden steps shaded, their reconstruction dotted."""
    step, hidden = np.arange(len(observed)), ~observed

    def draw(figure: Figure) -> None:
        """Draw a panel for each channel."""
        panels = figure.subplots(min(CHANNELS, len(anchor)), sharex=True, squeeze=False)[:, 0]
        for channel, axes in enumerate(panels):
            axes.fill_between(
                step, 0, 1, where=hidden, step="mid", color="#e0e3e7", lw=0,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
            axes.plot(step, anchor[channel], color=COLOURS[0], lw=1, label="anchor")
            rebuilt = reconstruction[channel, hidden]
            axes.plot(step[hidden], rebuilt, ".", color=COLOURS[1], ms=3, label="rebuilt")
            axes.grid(visible=False)
            axes.set_ylabel(str(channel))
        panels[-1].set_xlabel("step")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)

    return svg(draw, (4.6, 0.8 + 0.65 * min(CHANNELS, len(anchor))))
