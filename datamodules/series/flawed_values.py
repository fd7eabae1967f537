"""Values that nothing can be learnt from: infinite ones, and channels that never change."""

from __future__ import annotations

from collections.abc import Sequence

from manyviews.datamodules.series.channel_statistics import ChannelStatistics
from manyviews.datamodules.series.recordings import Recordings
from manyviews.errors import ConfigError

AT_ONCE = 2**22  # steps that are looked at together, which bounds the memory
SHOWN = 5  # channels in a sentence


def check_finite(name: str, recordings: Recordings) -> None:
    """Raise if a value is infinite; name the first, count all."""
    count, first = 0, None
    for i, part in enumerate(recordings.value.split(AT_ONCE)):
        bad = part.isinf().nonzero()
        count += len(bad)
        if len(bad) and first is None:
            first = (int(bad[0, 0]) + i * AT_ONCE, int(bad[0, 1]))
    if first is not None:
        raise ConfigError(
            f"{name}: {recordings.value_at(*first)} is {float(recordings.value[first])} ({count} "
            "such values); fill or cut them, or write them as missing (nan)"
        )


def constant_channels(
    name: str, channels: Sequence[str], found: ChannelStatistics
) -> tuple[str, ...]:
    """Return a sentence that names constant channels.

    Raises:
        ConfigError: all channels are constant.
    """
    constant = [
        f"{channel} ({value:g})"
        for channel, value, flat in zip(channels, found.mean, found.constant, strict=True)
        if flat
    ]
    shown = ", ".join(constant[:SHOWN])
    if len(constant) == len(channels):
        raise ConfigError(
            f"{name}: every channel is constant in the training windows ({shown}): there is "
            "nothing to learn"
        )
    if not constant:
        return ()
    return (f"{len(constant)} of {len(channels)} channels are constant: {shown}",)
