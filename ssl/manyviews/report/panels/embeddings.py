"""The panel of the embeddings: map, spectrum, and accuracy by k or by number of labels."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from manyviews.panels import Block, Line, Panel, Plot, Points, Table
from manyviews.report.results import subjects, tested
from manyviews.report.run_files import RunFiles

MAPS = {"pca": "PCA", "umap": "UMAP"}
AXES = {"top1_k": ("by k", "neighbours k"), "top1_n": ("by labels", "labelled items per class")}


def embeddings(files: RunFiles) -> Panel | None:
    """Return map, spectrum and accuracy by k or labels; None if the report has none of them."""
    maps = [*_maps(files)]
    spectrum = _spectrum(files.gallery)
    blocks: list[Block] = [*maps, *([spectrum] if spectrum else []), *_by_number(files.card)]
    if not blocks:
        return None
    blocks += _label_free(files.card)
    text = "The spectrum is that of the normalised test embeddings."
    if maps:
        shown, items = len(maps[0].x), files.card["data"]["items"]
        text = (
            f"{shown} test {items} in the plane; point at one to see it. PCA keeps large distances"
            + (
                "; UMAP keeps neighbours, and draws clusters where there may be none"
                * (len(maps) > 1)
            )
            + ". "
            + text
        )
    return Panel("embeddings", "Embeddings", text, blocks)


def _maps(files: RunFiles) -> list[Points]:
    """Return a map of the embeddings for each way to place them."""
    g, names = files.gallery, files.card["data"]["classes"]
    return [
        Points(title, g[key][:, 0], g[key][:, 1], g["map_label"], names, g["map"])
        for name, title in MAPS.items()
        if (key := f"map_{name}") in g
    ]


def _spectrum(gallery: Mapping[str, np.ndarray]) -> Plot | None:
    """Return the eigenvalues of the trained and the random backbone."""
    lines = []
    for who in ("trained", "random"):
        values = gallery.get(f"eigenvalues_{who}")
        if values is not None:
            index = np.arange(1, len(values) + 1)
            kept = values > 1e-12  # a logarithm has no zero
            lines.append(Line(who, index[kept].tolist(), values[kept].tolist()))
    title = "Eigenvalues of the normalised test embeddings"
    return Plot(title, lines, "index", "eigenvalue", log_y=True) if lines else None


def _by_number(card: dict[str, Any]) -> list[Plot]:
    """Return a plot of accuracy against k, or labelled items per class, for each such protocol."""
    plots = []
    for protocol, (prefix, (title, axis)) in product(card["protocols"], AXES.items()):
        lines = []
        for subject, word in subjects(card).items():
            points = sorted(
                (int(s["metric"].removeprefix(prefix)), 100 * s["value"])
                for s in tested(card)
                if (s["protocol"], s["subject"]) == (protocol, subject)
                and s["metric"].removeprefix(prefix).isdecimal()
                and s["metric"].startswith(prefix)
            )
            if len(points) > 1:
                k, accuracy = zip(*points, strict=True)
                lines.append(Line(word, k, accuracy))
        if lines:
            name = f"{protocol} {title}"
            plots.append(Plot(name, lines, axis, "accuracy (%)", log_x=True))
    return plots


def _label_free(card: dict[str, Any]) -> list[Table]:
    """Return the ranks that every report has."""
    found = card.get("label_free") or {}
    rows = [
        [name.replace("_", " "), *(f"{values[name]:.1f}" for values in found.values())]
        for name in ("effective_rank", "rankme")
    ]
    return [Table(["without labels", *found], rows)] if found else []
