"""Render the report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from manyviews.panels import Panel
from manyviews.report.markdown import markdown
from manyviews.report.panels import panels_of
from manyviews.report.results import (
    cards,
    further,
    headers,
    notes,
    numbers,
    people,
    rows,
    subjects,
    validation,
)
from manyviews.report.run_files import RunFiles, gallery_is_whole, read
from manyviews.report.templates import filled
from manyviews.runs.files import read_object, replace_bytes

PAGE = "index.html"


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


def read_panels(run: Path, folder: Path | None = None) -> list[Panel]:
    """Return the panels of a report, as its page shows them; see `write` for the arguments."""
    return panels_of(read(run, folder or run / "report"))


def write_panels(page: Path, title: str, panels: Sequence[Panel]) -> None:
    """Write a page that holds nothing but panels, such as that of a comparison."""
    text = filled("panels.html.jinja", title=title, panels=panels)
    replace_bytes(page, text.encode("utf-8", "replace"))


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
        environment=files.environment,
        config=files.config,
        headers=headers(files.card),
        cards=cards(files.card),
        notes=notes(files.card),
        rows=rows(files.card),
        further=further(files.card),
        numbers=numbers(files.card),
        who=[*subjects(files.card).values()],
        validation=validation(files.card),
        people=people(files.card),
        panels=panels_of(files),
    )
