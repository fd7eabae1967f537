"""What pages and dashboards show of a comparison, as panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from manyviews.evaluation.words import HEADLINES, in_words, scale
from manyviews.panels import Block, Heatmap, Line, Panel, Picture, Pictures, Plot, Table
from manyviews.scoring.comparison.words import TEXTS, Letters, letters_of

SAME = "not distinguishable"
WIDE = 30  # curves whose largest value is so many times the smallest have a logarithmic axis


def comparison_panels(
    figures: Mapping[str, Any],
    cards: Mapping[str, dict[str, Any]],
    galleries: Mapping[str, Mapping[str, np.ndarray]],
) -> list[Panel]:
    """Return everything that is shown of a comparison, parts without content left out.

    Args:
        figures: the content of comparison.json.
        cards: by name, the content of each report.json.
        galleries: by name, the arrays of its gallery.npz; {} if there are none.
    """
    letters = letters_of(figures)
    rows = [[letter, name, _reads(cards[name])] for name, letter in letters.items()]
    parts: list[tuple[str, str, Sequence[Block]]] = [
        ("scores", "Scores", [_scores(figures, letters), *_gains(figures, letters)]),
        ("disagreement", "Disagreement of predictions", _disagreement(figures, letters)),
        ("settings", "Settings that differ", _settings(figures["settings"], letters)),
        ("curves", "Curves", [*_curves(figures["curves"], letters)]),
        ("cka", "Likeness of the layers", [*_likeness(figures, letters)]),
        ("neighbours", "Neighbours side by side", [*_neighbours(cards, galleries, letters)]),
    ]
    head = Panel("runs", "Backbones", "", [Table(["", "name", "data"], rows)])
    shown = (Panel(name, title, TEXTS[name], blocks) for name, title, blocks in parts if blocks)
    return [head, *shown]


def _reads(card: dict[str, Any]) -> str:
    step = card["checkpoint"].get("step")
    return f"{card['data']['name']}, step {step}" if step else card["data"]["name"]


def _title(row: Mapping[str, Any]) -> str:
    measure = "" if row["metric"] == "top1" else f", {in_words(row['metric'])}"
    return f"{row['protocol']}{measure}"


def _scores(figures: Mapping[str, Any], letters: Letters) -> Table:
    """Return the headline scores, a row per measure and a column per backbone."""
    cells: dict[str, dict[str, str]] = {}
    for row in figures["scores"]:
        if row["metric"] in HEADLINES:
            value, low, high = (f"{100 * row[k]:.1f}" for k in ("value", "low", "high"))
            cells.setdefault(_title(row), {})[row["name"]] = f"{value} % ({low} to {high})"
    rows = [[title, *(found.get(name, "-") for name in letters)] for title, found in cells.items()]
    return Table(["protocol", *letters.values()], rows)


def _gains(figures: Mapping[str, Any], letters: Letters) -> Iterator[Table]:
    """Yield the differences of the headline scores, or why two reports have none."""
    rows = []
    for row in figures["differences"]:
        if row["metric"] in HEADLINES:
            value, low, high = (f"{100 * row[k]:+.1f}" for k in ("value", "low", "high"))
            said = "too few groups" if row["differ"] is None else "" if row["differ"] else SAME
            rows.append([_pair(row, letters), _title(row), f"{value} ({low} to {high})", said])
    rows += [[_pair(row, letters), "not paired", row["reason"], ""] for row in figures["apart"]]
    if rows:
        titles = ["difference", "protocol", "points (95 % interval)", ""]
        yield Table(titles, rows, "Differences over the same test items")


def _pair(row: Mapping[str, Any], letters: Letters) -> str:
    return f"{letters[row['first']]} minus {letters[row['second']]}"


def _disagreement(figures: Mapping[str, Any], letters: Letters) -> list[Block]:
    """Return one table over all pairs and protocols."""
    rows = [
        [
            f"{letters[row['first']]} and {letters[row['second']]}",
            row["protocol"],
            *(f"{100 * share:.1f} %" for share in (row["share"], *row["errors"])),
            str(row["n"]),
        ]
        for row in figures["disagreements"]
    ]
    titles = ["pair", "protocol", "disagree", "error of the first", "of the second", "test items"]
    return [Table(titles, rows)] if rows else []


def _settings(settings: Mapping[str, Mapping[str, str]], letters: Letters) -> list[Block]:
    """Return one table with a row per key and a column per run."""
    if not settings:
        return []
    names = [*next(iter(settings.values()))]
    rows = [[key, *(values[name] for name in names)] for key, values in settings.items()]
    return [Table(["key", *(letters[name] for name in names)], rows)]


def _curves(curves: Mapping[str, Mapping[str, Any]], letters: Letters) -> Iterator[Plot]:
    """Yield a plot per metric with a line per run."""
    for metric, lines in curves.items():
        factor, unit = scale(metric)
        drawn = [
            Line(letters[name], line["step"], [factor * value for value in line["value"]])
            for name, line in lines.items()
        ]
        values = [value for line in drawn for value in line.y]
        # Losses of two methods may differ by orders of magnitude.
        wide = min(values) > 0 and max(values) > WIDE * min(values)
        title = f"{metric}{unit and f', {unit.strip()}'}"
        yield Plot(metric, drawn, "step", title, log_y=wide)


def _likeness(figures: Mapping[str, Any], letters: Letters) -> Iterator[Block]:
    """Yield the embeddings of every two backbones in one grid, then the layers of each pair."""
    known = [row for row in figures["cka"] if "values" in row]
    if len(letters) > 2 and known:
        at = {name: number for number, name in enumerate(letters)}
        grid = np.full((len(letters), len(letters)), np.nan)
        np.fill_diagonal(grid, 1.0)
        for row in known:
            i, j = at[row["first"]], at[row["second"]]
            grid[i, j] = grid[j, i] = _number(row["values"][-1][-1])
        yield Heatmap("embeddings", grid, [*letters.values()], [*letters.values()])
    for row in known:
        a, b = letters[row["first"]], letters[row["second"]]
        values = np.array([[_number(v) for v in line] for line in row["values"]])
        yield Heatmap(f"layers of {a} and {b}", values, *row["layers"], row_title=a, column_title=b)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _neighbours(
    cards: Mapping[str, dict[str, Any]],
    galleries: Mapping[str, Mapping[str, np.ndarray]],
    letters: Letters,
) -> Iterator[Pictures]:
    """Yield for each query that all reports share its neighbours, a row per backbone."""
    known = {name: galleries.get(name, {}) for name in letters}
    first = next(iter(known.values()))
    tests = [card["data"]["fingerprint"]["test"] for card in cards.values()]
    if any(test != tests[0] for test in tests) or not all(
        "queries" in one and np.array_equal(one["queries"], first["queries"])
        for one in known.values()
    ):
        return
    classes = next(iter(cards.values()))["data"]["classes"]
    for q, label in enumerate(first["query_label"]):
        rows = [_row(one, q, letters[name]) for name, one in known.items()]
        yield Pictures(rows, str(classes[label]) if 0 <= label < len(classes) else "")


def _row(gallery: Mapping[str, np.ndarray], q: int, letter: str) -> list[Picture]:
    """Return a query, with the letter of the backbone, and its neighbours with their cosines."""
    near = zip(
        gallery["neighbours"][q],
        gallery["neighbour_similarity"][q],
        gallery["neighbour_label"][q],
        strict=True,
    )
    label = gallery["query_label"][q]
    return [
        Picture(gallery["queries"][q], letter, "query"),
        *(
            Picture(image, f"{cosine:.2f}", "" if label < 0 or other == label else "wrong")
            for image, cosine, other in near
        ),
    ]
