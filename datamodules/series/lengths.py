"""The lengths of recordings, and the windows that fit into them."""

from __future__ import annotations

from manyviews.datamodules.series.recordings import Recordings
from manyviews.errors import ConfigError

USUAL, FEWEST = 128, 4  # steps of a window that is suggested


def common_length(where: str, recordings: Recordings) -> int:
    """Return the number of steps that all recordings have.

    Args:
        where: the file or data set, for the error message.
        recordings: all recordings.

    Raises:
        ConfigError: their lengths differ.
    """
    for said in unequal_lengths(recordings):
        raise ConfigError(f"{where}: {said}")
    return int(recordings.length.min())


def unequal_lengths(recordings: Recordings) -> tuple[str, ...]:
    """Return a sentence that suggests a window, if the recordings differ in length."""
    length = recordings.length
    short, long = int(length.min()), int(length.max())
    if short == long:
        return ()
    # As long as the shortest, unless that is too short for a window or longer than is usual.
    steps = min(short if short >= FEWEST else max(int(length.median()), 2), USUAL)
    duration = f" or data.window={steps / recordings.rate:g}s" if recordings.knows_rate else ""
    return (
        f"data.window is missing, and recordings have {short} to {long} steps; type "
        f"data.window={steps}{duration}; recordings that are shorter than a window are left out",
    )


def too_short(recordings: Recordings, length: int) -> tuple[str, ...]:
    """Return a sentence for each recording that is shorter than a window.

    Raises:
        ConfigError: all recordings are.
    """
    have = recordings.length.tolist()
    if max(have, default=0) < 2:
        raise ConfigError(f"no recording of {len(recordings)} has 2 steps, which a window needs")
    if max(have, default=0) < length:
        raise ConfigError(
            f"data.window is {length} steps, the longest of {len(recordings)} recordings has "
            f"{max(have, default=0)}; type a shorter data.window, such as "
            f"data.window={max(2, min(USUAL, int(recordings.length.median())))}"
        )
    return tuple(
        f"recording {name!r}: it has {steps} steps, a window {length}"
        for name, steps in zip(recordings.names, have, strict=True)
        if steps < length
    )
