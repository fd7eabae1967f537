"""The text of an error that a library raised on a damaged file, for one line of ours."""

from __future__ import annotations

LONGEST = 200  # characters


def error_text(error: BaseException) -> str:
    r"""Return the message in one line, shortened, with control characters as escapes.

    >>> print(error_text(ValueError("cut\n at \x1b")), error_text(EOFError()))
    cut at \x1b EOFError
    """
    said = " ".join(str(error).split())[:LONGEST] or type(error).__name__
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)
