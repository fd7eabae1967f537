"""One row of the dashboard: what the files of a run say, as plain values."""

from __future__ import annotations

import hashlib
import math
import os
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from manyviews.dashboards import curves, pictures
from manyviews.dashboards.curves import Curves
from manyviews.dashboards.scores import Score, finite, scores, whole
from manyviews.runs import status
from manyviews.runs.durations import about
from manyviews.runs.files import read_object
from manyviews.sweeps.boards.found import Found

SILENT = 10 * status.BEAT  # seconds without a sign of life after which a run is thought dead
WORKING = ("training", "trained")  # states of a run whose process may still be at work


class Entry(NamedTuple):
    """One row of the dashboard.

    Attributes:
        id: see `identifier`.
        name: name of the run.
        path: the folder as it is typed in a shell.
        report: link to the page of the report, relative to the dashboard; "" without one.
        state: how the run stands, see `standing`.
        reason: why it stopped or failed.
        alive: True if a process works on it.
        seed: its seed.
        data: name of the data of the scores.
        settings: value by dotted key.
        scores: score by name.
        cost: seconds, images_per_s, memory (GB), parameters, backbone_parameters; None: not known.
        images_per_step: batch of all processes; None if it is not known.
        steps_per_epoch: optimizer steps of an epoch; None if it is not known.
        curves: the curves of training.
        pictures: `views` and `neighbours` as data URIs.
    """

    id: str
    name: str
    path: str
    report: str
    state: str
    reason: str
    alive: bool
    seed: int | None
    data: str
    settings: dict[str, Any]
    scores: dict[str, Score]
    cost: dict[str, float | None]
    images_per_step: int | None
    steps_per_epoch: int | None
    curves: Curves
    pictures: dict[str, str]


def entry(found: Found, folder: Path) -> Entry:
    """Return what the dashboard shows of a run.

    Args:
        found: the run.
        folder: where the dashboard lies; the link to the report is relative to it.
    """
    place = found.path
    other_data = place.parent.name == "evaluations"  # its scores on other data than its own
    run = place.parent.parent if other_data else place
    report = place if (place / "report.json").is_file() else place / "report"
    ledger, known = read_object(run / "ledger.json") or {}, status.read(run)
    images, steps = (whole(ledger.get(key)) for key in ("global_batch", "steps_per_epoch"))
    state, reason, alive = standing(known) if known else (found.state, "", False)
    page = report / "index.html"
    return Entry(
        id=identifier(place),
        name=f"{run.name} on {found.data}" if other_data else run.name,
        path=shlex.quote(str(run)),
        report=_link(page, folder) if page.is_file() else "",
        state=state,
        reason=reason,
        alive=alive,
        seed=found.seed,
        data=found.data,
        settings={key: plain(value) for key, value in found.keys.items()},
        scores=scores(found, read_object(report / "report.json") or {}),
        cost=_cost(found, ledger),
        images_per_step=images,
        steps_per_epoch=steps,
        curves=curves.read(run, images),
        pictures=pictures.strips(report / "gallery.npz"),
    )


def identifier(place: Path) -> str:
    """Return eight characters that name a row, the same each time that the page is written."""
    return hashlib.sha256(os.fsencode(place.absolute())).hexdigest()[:8]


def standing(known: status.Status) -> tuple[str, str, bool]:
    """Return state, reason, and whether a process works on the run.

    A run that failed because its loss was not finite has the state `diverged`.
    """
    silence = time.time() - known.heartbeat
    alive = known.state in WORKING and silence < SILENT
    if known.state == "failed" and known.reason.startswith("NotFinite"):
        return "diverged", known.reason, False
    if known.state == "training" and not alive:
        return known.state, f"no sign of life for {about(silence)}", False
    return known.state, known.reason, alive


def plain(value: Any) -> Any:
    """Return a setting as a value that JSON holds: lists and infinities become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _link(page: Path, folder: Path) -> str:
    """Return a relative link; a colon in a name is written %3A, so that it is no scheme."""
    try:
        relative = os.path.relpath(page, folder)
    except ValueError:  # another drive of Windows
        return page.absolute().as_uri()
    return quote(relative.replace(os.sep, "/"), errors="surrogateescape")


def _cost(found: Found, ledger: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        "seconds": finite(found.seconds),
        "images_per_s": finite(found.images_per_s),
        "memory": finite(found.memory),
        "parameters": _parameters(ledger.get("parameters")),
        "backbone_parameters": _parameters(ledger.get("backbone")),
    }


def _parameters(text: Any) -> int | None:
    """Return the number in a text of the ledger, such as "resnet_tiny, 306,784 parameters"."""
    known = re.search(r"(\d[\d,]*) parameters", str(text))
    return int(known[1].replace(",", "")) if known else None
