"""Draw curves as inline SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
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
COLOURS = ("#1a56c4", "#c2570c", "#5f6368", "#00795c")
LINES = ("-", "--", ":", "-.")  # told apart without colour too


class Line(NamedTuple):
    """A named curve of points (x, y)."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def plot(
    lines: Sequence[Line], x_title: str, y_title: str, *, log_x: bool = False, log_y: bool = False
) -> str:
    """Return an SVG of one or more curves, with a legend if there are several."""

    def draw(figure: Figure) -> None:
        """Draw the curves."""
        axes = figure.add_subplot()
        for line, colour, style in zip(lines, COLOURS, LINES, strict=False):
            marker = "o" if len(line.x) < 12 else None
            axes.plot(
                line.x, line.y, style, color=colour, marker=marker, markersize=4, label=line.name
            )
        axes.set(xlabel=x_title, ylabel=y_title)
        if log_x:
            axes.set_xscale("log")
        if log_y:
            axes.set_yscale("log")
        if len(lines) > 3:  # too many to stand between the curves
            figure.legend(loc="outside upper center", ncols=2, frameon=False)
        elif len(lines) > 1:
            axes.legend(frameon=False)

    return svg(draw, (4.6, 2.7))


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
