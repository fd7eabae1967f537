"""Render the report as one HTML file that needs no network."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from manyviews.report.gates import gates
from manyviews.report.markdown import markdown
from manyviews.report.pictures import data_uri
from manyviews.report.plots import Line, plot
from manyviews.report.prototypes import prototypes
from manyviews.report.results import (
    further,
    headers,
    numbers,
    people,
    rows,
    subjects,
    validation,
)
from manyviews.report.retrieval import retrieval
from manyviews.report.run_files import RunFiles, gallery_is_whole, read
from manyviews.report.templates import filled
from manyviews.report.words import class_name
from manyviews.runs.files import read_object, replace_bytes

CURVES = {
    "train/loss": ("Loss", "loss"),
    "train/lr": ("Learning rate", "learning rate"),
    "train/throughput/images_per_s": ("Throughput", "{items} / s"),
    "online/knn@1/top1": ("Online kNN", "accuracy (%)"),
    "health/positive_precision": ("Positives of their anchor's class", "share (%)"),
}

OTHER_DATA = re.compile("online/(.+)/knn@1/top1")

PAGE = "index.html"
VIEWS = 8  # number of views that are shown; REBAR has 21


class Figure(NamedTuple):
    """A titled plot."""

    title: str
    svg: Markup


def write(run: Path, folder: Path | None = None) -> Path:
    """Write index.html and report.md beside a report.json, and return the path of the page.

    Args:
        run: a run folder.
        folder: the folder that holds report.json; `report/` of the run by default.
    """
    folder = folder or run / "report"
    files = read(run, folder)
    page = folder / PAGE
    # Encoded before a file is opened: a name that is no valid text must not leave an empty page.
    content = {folder / "report.md": markdown(files), page: render(files)}
    for path, text in content.items():
        replace_bytes(path, text.encode("utf-8", "replace"))
    return page


def remove_page(folder: Path) -> None:
    """Remove the page of a report that is about to be renewed."""
    (folder / PAGE).unlink(missing_ok=True)


def is_whole(folder: Path, sha256: str | None) -> bool:
    """Return True if the folder holds all files of a report, and at least one protocol gave scores.

    Data without labels have no scores, and no protocol that failed.

    Args:
        folder: the folder of the report.
        sha256: checksum of the checkpoint that it has to be about.
    """
    page = folder / PAGE
    if not page.is_file() or not page.read_bytes().rstrip().endswith(b"</html>"):
        return False
    card = read_object(folder / "report.json")
    if card is None or not (card.get("scores") or not card.get("failed")):
        return False
    mark = card.get("checkpoint")
    same = isinstance(mark, dict) and mark.get("sha256") == sha256
    return same and gallery_is_whole(folder / "gallery.npz")


def render(files: RunFiles) -> str:
    """Return the page as HTML; the template escapes every name in it."""
    return filled(
        "page.html.jinja",
        card=files.card,
        ledger=files.ledger,
        gates=gates(files.gallery),
        environment=files.environment,
        config=files.config,
        headers=headers(files.card),
        rows=rows(files.card),
        further=further(files.card),
        numbers=numbers(files.card),
        who=[*subjects(files.card).values()],
        validation=validation(files.card),
        people=people(files.card),
        curves=_curves(files.metrics, files.card["data"]["items"]),
        stepwise=None if files.stepwise is None else Markup(files.stepwise),
        by_number=_by_number(files.card),
        views=_views(files.gallery),
        more_views=f"view_{VIEWS}" in files.gallery,
        neighbours=_neighbours(files),
        spectrum=_spectrum(files.gallery),
        prototypes=prototypes(files.gallery, files.card["data"]["classes"]),
        retrieval=retrieval(files.gallery, files.card["data"]["classes"]),
        wide=_wide(files.gallery),
    )


def _curves(metrics: list[dict[str, float]], items: str) -> list[Figure]:
    figures, logged = [], dict.fromkeys(key for record in metrics for key in record)
    other = {
        key: (f"Online kNN on {found[1]}", "accuracy (%)")
        for key in logged
        if (found := OTHER_DATA.fullmatch(key))
    }
    for key, (title, unit) in {**CURVES, **other}.items():
        points = [(r["step"], r[key]) for r in metrics if key in r]
        if points:
            x, y = zip(*points, strict=True)
            scale = 100 if unit.endswith("(%)") else 1
            line = Line(title, x, [v * scale for v in y])
            svg = plot([line], "optimizer step", unit.format(items=items))
            figures.append(Figure(title, Markup(svg)))
    return figures


def _by_number(card: dict[str, Any]) -> list[Figure]:
    """Return a plot of accuracy against k, or labelled items per class, for each such protocol."""
    axes = {"top1_k": ("by k", "neighbours k"), "top1_n": ("by labels", "labelled items per class")}
    figures = []
    for protocol, (prefix, (title, axis)) in product(card["protocols"], axes.items()):
        lines = []
        for subject, word in subjects(card).items():
            cells = sorted(
                (int(s["metric"].removeprefix(prefix)), 100 * s["value"])
                for s in card["scores"]
                if s["protocol"] == protocol
                and s.get("split", "test") == "test"
                and s["subject"] == subject
                and s["metric"].startswith(prefix)
            )
            if len(cells) > 1:
                lines.append(Line(word, *zip(*cells, strict=True)))
        if lines:
            svg = plot(lines, axis, "accuracy (%)", log_x=True)
            figures.append(Figure(f"{protocol} {title}", Markup(svg)))
    return figures


def _wide(gallery: Any) -> bool:
    """Return True if the pictures are wide, as those of series are."""
    *_, height, width = gallery.get("originals", np.empty((1, 1))).shape
    return width >= 1.5 * height


def _views(gallery: Any) -> list[list[str]]:
    """Return data URIs, one row per sample: the original, then its views."""
    names = sorted((n for n in gallery if n.startswith("view_")), key=_number)
    names = ["originals", *names[:VIEWS]]
    if "originals" not in gallery:
        return []
    return [[data_uri(gallery[n][i]) for n in names] for i in range(len(gallery["originals"]))]


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])


def _neighbours(files: RunFiles) -> list[dict[str, Any]]:
    g, classes = files.gallery, files.card["data"]["classes"]

    if "queries" not in g:
        return []
    return [
        {
            "image": data_uri(g["queries"][q]),
            "label": class_name(g["query_label"][q], classes),
            "found": [
                {
                    "image": data_uri(g["neighbours"][q, n]),
                    "label": class_name(g["neighbour_label"][q, n], classes),
                    "similarity": float(g["neighbour_similarity"][q, n]),
                    "right": bool(g["neighbour_label"][q, n] == g["query_label"][q]),
                }
                for n in range(g["neighbours"].shape[1])
            ],
        }
        for q in range(len(g["queries"]))
    ]


def _spectrum(gallery: Any) -> Markup | None:
    lines = []
    for who in ("trained", "random"):
        values = gallery.get(f"eigenvalues_{who}")
        if values is not None:
            index = np.arange(1, len(values) + 1)
            kept = values > 1e-12  # a logarithm has no zero
            lines.append(Line(who, index[kept].tolist(), values[kept].tolist()))
    return Markup(plot(lines, "index", "eigenvalue", log_y=True)) if lines else None
