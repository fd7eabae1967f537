"""The methods, one per file; `conf/method/<name>.yaml` names the class.

Each is imported when it is first used. There is no list to edit: the names are those of the classes
that stand in the files of this folder.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        file.stem: re.findall(
            r"^class (\w+)\(Method\)", file.read_text(encoding="utf-8"), re.MULTILINE
        )
        for file in sorted(Path(__file__).parent.glob("[!_]*.py"))
    },
)
