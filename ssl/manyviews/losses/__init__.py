"""The losses: functions of tensors, one file per loss, without Lightning.

Each is imported when it is first used. The public names are those in the `__all__` of the files of
this folder, so that a new loss needs no entry here; only a function with the name of its file is
also listed for type checkers, which would take it for the file.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader

if TYPE_CHECKING:
    from manyviews.losses.barlow_twins import barlow_twins as barlow_twins
    from manyviews.losses.byol import byol as byol
    from manyviews.losses.moco import moco as moco
    from manyviews.losses.supcon import supcon as supcon
    from manyviews.losses.vicreg import vicreg as vicreg


def _public(file: Path) -> list[str]:
    """Return the names in the `__all__` of a file, without importing torch."""
    listed = re.search(
        r"^__all__ = \[(.*?)\]", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return re.findall(r'"(\w+)"', listed[1]) if listed else []


__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        file.stem: _public(file) for file in sorted(Path(__file__).parent.glob("[!_]*.py"))
    },
)
