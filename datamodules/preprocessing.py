"""What a backbone expects of its clean inputs: their size, their statistics and how they are cut.

A run's backbone expects what it was trained with; `preprocessing.json` in its folder says it. A
model of timm expects what timm says of it. Any other backbone takes the data as they are.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

# How an image is cut to the expected shape. box: the largest centred box of this shape, less a
# margin, in one resize; an image that has the size already stays whole. center, squash and border:
# as timm's evaluation transform of this name.
Mode = Literal["box", "center", "squash", "border"]
MARGIN = 0.875  # 224 / 256, as in "resize the shorter side to 256, centre crop of 224"


class Preprocessing(NamedTuple):
    """The size, cut and statistics that a backbone expects of a clean input.

    Attributes:
        size: height and width in pixels, or steps of a window.
        mean: mean of each channel: of pixels from 0 to 1, or in the units of a series.
        std: standard deviation of each channel, likewise.
        interpolation: filter with which images are resized.
        crop: share of an image's side that is kept if it is cut and resized.
        mode: how images are cut.
        grey_as_colour: True if grey images are given to a backbone of three channels.
    """

    size: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    crop: float = MARGIN
    mode: Mode = "box"
    grey_as_colour: bool = False

    @property
    def channels(self) -> int:
        """Number of channels that the backbone reads."""
        return len(self.mean)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as in report.json and preprocessing.json."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self._asdict().items()}

    def in_words(self) -> str:
        """Return one line for the terminal and the report."""
        shape = " x ".join(map(str, self.size))
        statistics = f"mean {_short(self.mean)}, std {_short(self.std)}"
        if len(self.size) == 1:
            return f"windows of {shape} steps, {statistics}"
        cut = f"{self.interpolation} to {shape}, {self.crop:.3g} of the side kept ({self.mode})"
        grey = ", grey images repeated in three channels" if self.grey_as_colour else ""
        return f"images {cut}, {statistics}{grey}"


def from_dict(values: dict[str, Any]) -> Preprocessing:
    """Return what `as_dict` gave."""
    return Preprocessing(
        **{**values, **{key: tuple(values[key]) for key in ("size", "mean", "std")}}
    )


def _short(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"
