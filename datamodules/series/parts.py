"""Recordings as windows of a training, a test and perhaps a validation split."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from manyviews import draws
from manyviews.datamodules.series.hold_out import By, Test, is_held_out, is_validation
from manyviews.datamodules.series.recordings import Recordings
from manyviews.datamodules.series.windows import Windows
from manyviews.errors import ConfigError


class Parts(NamedTuple):
    """The windows of each split.

    Attributes:
        train: windows for training.
        test: windows for the scores.
        val: windows to choose on; None if there are none.
    """

    train: Windows
    test: Windows
    val: Windows | None


def parts_of(
    recordings: Recordings,
    cut: Callable[[Recordings], Windows],
    *,
    by: By,
    test: Test,
    val: Test | None,
) -> Parts:
    """Return the windows of each split; the validation split is taken out of train, after test.

    Args:
        recordings: all recordings.
        cut: returns the windows of some recordings.
        by: what the splits do not share.
        test: names, or a share, for the test split.
        val: likewise for the validation split; None: there is none.

    Raises:
        ConfigError: names or shares cannot be held out.
    """
    if by == "window":
        return _at_random(cut(recordings), test, val)
    # Whole recordings are separated before windows are cut, so no window can be in two splits.
    held_out = is_held_out(recordings, by, test)
    rest, tested = (recordings.only((held_out == h).nonzero()[:, 0]) for h in (False, True))
    if val is None:
        return Parts(cut(rest), cut(tested), None)
    held_out = is_validation(rest, by, val)
    rest, chosen_on = (rest.only((held_out == h).nonzero()[:, 0]) for h in (False, True))
    return Parts(cut(rest), cut(tested), cut(chosen_on))


def _at_random(windows: Windows, test: Test, val: Test | None) -> Parts:
    """Draw shares of all windows, and warn that scores will be too high."""
    train, tested = _drawn(windows, test, "data.test", "windows of the test split")
    print(
        "warning: data.by=window puts parts of one recording into both splits, so that scores come "
        "out too high; data.by=subject does not"
    )
    if val is None:
        return Parts(train, tested, None)
    train, held = _drawn(train, val, "data.val", "windows of the validation split")
    return Parts(train, tested, held)


def _drawn(windows: Windows, share: Test, key: str, purpose: str) -> tuple[Windows, Windows]:
    """Return the windows that are left, and a share that is drawn from them."""
    if isinstance(share, str | list) or not 0 < share < 1:
        raise ConfigError(f"{key}={share}; data.by=window needs a share between 0 and 1")
    # A fixed seed: every run of the data set has the same split.
    order = draws.permutation(0, 0, len(windows.start), purpose)
    held = max(1, round(share * len(order)))
    return windows.only(order[held:].sort().values), windows.only(order[:held].sort().values)
