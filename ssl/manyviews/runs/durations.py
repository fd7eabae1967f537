"""Durations in words."""


def clock(seconds: float) -> str:
    """Return a duration as minutes:seconds.

    >>> clock(187)
    '3:07'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def about(seconds: float) -> str:
    """Return a duration in the unit in which one would say it.

    >>> about(40), about(240), about(9000)
    ('40 s', '4 min', '2.5 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"
