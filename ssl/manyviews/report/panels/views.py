"""The panel of the views that training sees."""

from __future__ import annotations

from manyviews.panels import Panel, Picture, Pictures
from manyviews.report.run_files import RunFiles

VIEWS = 8  # number of views that are shown; REBAR has 21


def views(files: RunFiles) -> Panel | None:
    """Return a few samples, each with its views of the first epoch; None if there are none."""
    gallery = files.gallery
    if "originals" not in gallery:
        return None
    made = sorted((n for n in gallery if n.startswith("view_")), key=_number)
    rows = [
        [Picture(gallery["originals"][i], "", "query")]
        + [Picture(gallery[name][i]) for name in made[:VIEWS]]
        for i in range(len(gallery["originals"]))
    ]
    which = f"the first {VIEWS} of the views" if len(made) > VIEWS else "the views"
    text = (
        f"{len(rows)} {files.card['data']['items']} (framed) and {which} they have in the first "
        "epoch."
    )
    return Panel("views", "Views", text, [Pictures(rows)])


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])
