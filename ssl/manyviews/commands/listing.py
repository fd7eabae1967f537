"""The command `manyviews list`: names that can be chosen, with what their files say."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from itertools import takewhile

FOLDERS = {
    "methods": "method",
    "backbones": "backbone",
    "experiments": "experiment",
    "protocols": "evaluation",
}


def lines(kind: str, pattern: str | None = None) -> Iterator[str]:
    """Yield a line for each name of a kind.

    Args:
        kind: one of `parser.GROUPS`.
        pattern: of backbones, those of libraries included.
    """
    if pattern:
        from manyviews.backbones import registry  # libraries have thousands: only if asked for

        yield from registry.available(pattern)
        return
    folder = files("manyviews.conf").joinpath(FOLDERS.get(kind, kind))
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=str)
    said = {
        file.name.removesuffix(".yaml"): _description(file.read_text(encoding="utf-8"))
        for file in found
    }
    width = max(map(len, said))
    for name, text in said.items():
        yield f"{name:<{width}}  {text}".rstrip()


def _description(text: str) -> str:
    """Return the first line of a config file's comment, continued to the end of its sentence.

    The comment of an experiment begins with its command, which is a line.
    """
    comment = (line for line in text.splitlines() if "@package" not in line)
    head = [line.removeprefix("# ") for line in takewhile(lambda x: x.startswith("#"), comment)]
    if not head or head[0].startswith("manyviews ") or head[0].endswith("."):
        return head[0] if head else ""
    said = f"{' '.join(head)} "
    return said[: said.find(". ", len(head[0])) + 1] or said.strip()
