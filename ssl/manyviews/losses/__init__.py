"""Losses as functions of tensors, one file per loss; they know nothing of Lightning.

Each is imported when it is first used. There is no list to edit: the names are those that the files
of this folder have in `__all__`.
"""

import re
from pathlib import Path

import lazy_loader


def _public(file: Path) -> list[str]:
    """Return the names in the `__all__` of a file, without importing it."""
    listed = re.search(r"^__all__ = \[(.*?)\]", file.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r'"(\w+)"', listed[1]) if listed else []


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        file.stem: _public(file) for file in sorted(Path(__file__).parent.glob("[!_]*.py"))
    },
)
