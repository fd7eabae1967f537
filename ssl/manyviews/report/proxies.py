"""The page that ranks measures without labels against a probe: table, Markdown and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from manyviews.evaluation.proxies import Point, Proxy
from manyviews.evaluation.words import LABEL_FREE
from manyviews.report.figures import COLOURS, svg
from manyviews.report.templates import filled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = ("measure", "points", "Spearman (95 % interval)", "")
CAUTION = (
    "RankMe's authors compare it only between runs of one method; across methods, data sets or "
    "numbers of items these measures need not order anything."
)
MEANING = (
    "A value near 1 says that the measure orders these points as the probe does. Alignment and "
    "uniformity count by their opposite, alpha-ReQ by its distance from 1. The interval is a "
    "bootstrap over the points."
)


class Ranking(NamedTuple):
    """The content of the page.

    Attributes:
        probe: protocol and measure that the others are ranked against, such as linear_lbfgs@1/top1.
        split: split of the probe's scores, "val" or "test".
        data: name of the data set.
        points: the checkpoints.
        proxies: a row per measure, the best first.
        notes: sentences about what was left out or is doubtful.
    """

    probe: str
    split: str
    data: str
    points: Sequence[Point]
    proxies: Sequence[Proxy]
    notes: Sequence[str]

    @property
    def title(self) -> str:
        """Title of the page."""
        return f"Measures without labels against {self.probe} ({self.split}) on {self.data}"


def table(ranking: Ranking) -> Table:
    """Return the ranking for the terminal."""
    made = Table(title=ranking.title, title_justify="left", box=None, pad_edge=False)
    for title in TITLES:
        made.add_column(title, justify="right" if title == "points" else "left", overflow="fold")
    for proxy in ranking.proxies:
        # Text, not str: rich would read brackets as markup.
        made.add_row(*map(Text, _cells(proxy)))
    return made


def markdown(ranking: Ranking) -> str:
    """Return the ranking as Markdown."""
    notes = [f"- {_cell(said)}" for said in (CAUTION, *ranking.notes)]
    points = [(point.name, f"{point.probe:.4g}") for point in ranking.points]
    parts = [
        [f"# {_cell(ranking.title)}"],
        [MEANING],
        _table(TITLES, map(_cells, ranking.proxies)),
        notes,
        _table(("point", ranking.probe), points),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def page(ranking: Ranking) -> str:
    """Return the ranking as one HTML file that needs no network, with a plot for each measure."""
    return filled(
        "proxies.html.jinja",
        ranking=ranking,
        titles=TITLES,
        rows=[_cells(proxy) for proxy in ranking.proxies],
        meaning=MEANING,
        caution=CAUTION,
        plots=[
            (word(proxy.measure), Markup(_plot(ranking, proxy.measure)))
            for proxy in ranking.proxies
        ],
    )


def word(measure: str) -> str:
    """Return the name of a measure in words."""
    return LABEL_FREE.get(measure, measure)


def _cells(proxy: Proxy) -> tuple[str, str, str, str]:
    """Return the cells of one row of the ranking."""
    rho = "-"
    if proxy.rho is not None:
        rho = f"{proxy.rho:+.2f} ({proxy.low:+.2f} to {proxy.high:+.2f})"
    return word(proxy.measure), str(proxy.points), rho, proxy.said


def _plot(ranking: Ranking, measure: str) -> str:
    """Return a plot of the probe's score against the measure, a dot per point."""
    known = [point for point in ranking.points if measure in point.measures]

    def draw(figure: Figure) -> None:
        """Draw a dot per point."""
        axes = figure.add_subplot()
        x = [point.measures[measure] for point in known]
        axes.plot(x, [point.probe for point in known], "o", color=COLOURS[0], markersize=4)
        axes.set(xlabel=word(measure), ylabel=ranking.probe)

    return svg(draw, (3.6, 2.5))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def _cell(text: str) -> str:
    """Return text that can neither end its table cell nor become markup."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
