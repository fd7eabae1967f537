"""Write the dashboard: one HTML file with its style, its scripts and its data inside."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from manyviews.dashboards.collect import collect, runs_below
from manyviews.errors import ConfigError
from manyviews.runs.files import replace_bytes

STYLES = ("uplot/uPlot.min.css", "page.css")
SCRIPTS = ("uplot/uPlot.iife.min.js", "table.js", "charts.js", "compare.js")


class Written(NamedTuple):
    """A dashboard that was written.

    Attributes:
        page: its path.
        states: number of runs by state.
        alive: number of runs that a process works on.
    """

    page: Path
    states: dict[str, int]
    alive: int


def write(folders: Sequence[Path], page: Path, every: float | None = None) -> Written:
    """Write a page over all runs below some folders; readers see the old page or the new one.

    Args:
        folders: run folders, sweep folders, or folders that hold some of them.
        page: the HTML file.
        every: seconds after which an opened page loads itself again; None: never.

    Raises:
        ConfigError: a folder does not exist, there is no run, or the page cannot lie there.
    """
    if page.is_dir() or not page.absolute().parent.is_dir():
        raise ConfigError(f"--out {page} is no file in an existing folder; type --out NAME.html")
    content, entries = collect(runs_below(folders), page.absolute().parent)
    written = time.strftime("%Y-%m-%d %H:%M")
    text = render({**content, "every": every, "written": written})
    replace_bytes(page, text.encode())
    states = Counter(entry.state for entry in entries)
    return Written(page, dict(states), sum(entry.alive for entry in entries))


def render(content: dict[str, Any]) -> str:
    """Return the page of some runs; see `collect` for their content."""
    environment = Environment(
        loader=PackageLoader("manyviews.dashboards", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    style, scripts = "\n".join(map(_text, STYLES)), [*map(_text, SCRIPTS)]
    return environment.get_template("page.html.jinja").render(
        style=Markup(style),
        scripts=[*map(Markup, scripts)],
        # Only these scripts run: the policy names each by its checksum.
        style_sources=[_checksum(style)],
        script_sources=[*map(_checksum, scripts)],
        data=Markup(data_block(content)),
    )


def data_block(content: dict[str, Any]) -> str:
    r"""Return JSON that cannot end the element that it lies in, whatever names it holds.

    >>> data_block({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _text(name: str) -> str:
    return (files("manyviews.dashboards") / name).read_text(encoding="utf-8")


def _checksum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
