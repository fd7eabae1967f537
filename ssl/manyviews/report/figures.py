"""Draw plots and heat maps as inline SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from manyviews.panels import Heatmap, Line, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "manyviews",  # the same run gives the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa0a6",
    "axes.labelcolor": "#3c4043",
    "xtick.color": "#5f6368",
    "ytick.color": "#5f6368",
    "axes.grid": True,
    "grid.color": "#e8eaed",
    "axes.axisbelow": True,
}
COLOURS = ("#1a56c4", "#c2570c", "#5f6368", "#00795c", "#7b3fa0", "#a3430a")
DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))  # seen without colour, too


def plot(of: Plot) -> str:
    """Return an SVG of one or more curves, with a legend if there are several kinds."""

    def draw(figure: Figure) -> None:
        """Draw the curves."""
        axes = figure.add_subplot()
        if of.family:
            _family(axes, of.lines)
        else:
            _named(axes, of.lines)
        axes.set(xlabel=of.x_title, ylabel=of.y_title)
        if of.log_x:
            _logarithmic(axes, of.lines)
        if of.log_y:
            axes.set_yscale("log")
        if len(of.lines) == 1 or of.family:
            return
        if len(of.lines) > 3:  # too many to stand between the curves
            figure.legend(loc="outside upper center", ncols=2, frameon=False)
        else:
            axes.legend(frameon=False)

    return svg(draw, (4.6, 2.7))


def _named(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw curves that are told apart by colour and dashes."""
    for line, colour, dash in zip(lines, cycle(COLOURS), cycle(DASHES), strict=False):
        marker = "o" if len(line.x) < 12 or line.dots else None
        size, dash = (2, "none") if line.dots else (4, dash)
        axes.plot(
            line.x, line.y, linestyle=dash, color=colour, marker=marker, markersize=size,
            label=line.name,
        )  # fmt: skip


def _family(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw many curves of one kind, the first one the darkest."""
    for n, line in enumerate(lines):
        shade = 1 - 0.8 * n / len(lines)
        axes.plot(line.x, line.y, color=COLOURS[0], alpha=shade, linewidth=1.2)


def _logarithmic(axes: Axes, lines: Sequence[Line]) -> None:
    """Make the x axis logarithmic; a few points have their own values as ticks."""
    axes.set_xscale("log")
    values = sorted({x for line in lines for x in line.x})
    if len(values) < 12:
        axes.set_xticks(values, [f"{x:g}" for x in values])
        axes.minorticks_off()


def heatmap(of: Heatmap) -> str:
    """Return an SVG of a grid of numbers as an image without names, darker if larger."""

    def draw(figure: Figure) -> None:
        """Draw the numbers as an image."""
        axes = figure.add_subplot()
        axes.imshow(np.asarray(of.values), aspect="auto", cmap="Blues", interpolation="nearest")
        axes.set(xlabel=of.column_title, ylabel=of.row_title)
        axes.grid(visible=False)

    return svg(draw, (4.6, 3.4))


def svg(draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """Return an SVG of what `draw` draws on a figure of this size (inches), in the page's style."""
    from matplotlib import rc_context  # 0.5 s: only when a page is made
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
