"""What a path leads to, asked before it is opened: a named pipe would be waited for, for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISDIR, "a folder"),
)


def odd_kind(path: Path) -> str | None:
    """Return what a path leads to if that is no regular file, for example "a named pipe".

    Links are followed. None also stands for a path that leads nowhere: opening it says why.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # a ValueError if there is a NUL in the name
        return None
    return next((kind for fits, kind in KINDS if fits(mode)), None)


def readable(name: str) -> str:
    r"""Return the name of a file as text that can be written; bytes that are no UTF-8 as `\xe9`.

    >>> print(readable("caf\udce9"))
    caf\xe9
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")
