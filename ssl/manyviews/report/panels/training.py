"""The panel of the curves over training."""

from __future__ import annotations

import re
from collections.abc import Sequence

from manyviews.panels import Line, Panel, Plot
from manyviews.report.run_files import RunFiles

CURVES = {
    "train/loss": ("Loss", "loss"),
    "train/lr": ("Learning rate", "learning rate"),
    "train/throughput/images_per_s": ("Throughput", "{items} / s"),
    "online/knn@1/top1": ("Online kNN", "accuracy (%)"),
    "health/positive_precision": ("Positives of their anchor's class", "share (%)"),
}
OTHER_DATA = re.compile("online/(.+)/knn@1/top1")


def training(files: RunFiles) -> Panel | None:
    """Return the curves of a run over its optimizer steps; None if nothing was logged."""
    plots = [*_curves(files.metrics, files.card["data"]["items"])]
    plots += [files.stepwise] if files.stepwise else []
    text = "Means over the steps since the record before; online scores are on clean inputs."
    return Panel("curves", "Training", text, plots) if plots else None


def _curves(metrics: Sequence[dict[str, float]], items: str) -> list[Plot]:
    """Return a plot for each curve that was logged."""
    logged = dict.fromkeys(key for record in metrics for key in record)
    other = {
        key: (f"Online kNN on {found[1]}", "accuracy (%)")
        for key in logged
        if (found := OTHER_DATA.fullmatch(key))
    }
    plots = []
    for key, (title, unit) in {**CURVES, **other}.items():
        points = [(r["step"], r[key]) for r in metrics if key in r]
        if points:
            x, y = zip(*points, strict=True)
            scale = 100 if unit.endswith("(%)") else 1
            line = Line(title, x, [v * scale for v in y])
            plots.append(Plot(title, [line], "optimizer step", unit.format(items=items)))
    return plots
