"""Pictures of more than 8 bits: their values, and the value that becomes white.

A camera or scanner of 12 bits writes 0..4095 into files of 16 bits. Divided by 257, as full 16 bits
are, such a picture would keep 16 grey levels. So white is the largest value of the smallest usual
depth that holds all values of a data set: one number for the whole set, so that brighter pictures
stay brighter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import ImageFile

WHITES = (1, 255, 1023, 4095, 16383, 65535)  # fractions and masks; 8, 10, 12, 14 and 16 bits
SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


class OutOfRange(ValueError):
    """An error: the values of a picture fit no usual depth. The message is the reason."""


def white_of(peak: float) -> int:
    """Return the value that becomes white if `peak` is the largest one.

    >>> white_of(0.7), white_of(4000), white_of(65535)
    (1, 4095, 65535)
    """
    return next(white for white in WHITES if peak <= white)


def deep_values(
    image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]
) -> np.ndarray | None:
    """Return values (H, W) or (H, W, C); None if the picture has 8 bits or fewer.

    C is 2 for grey with transparency, 3 for colour, 4 for colour with transparency or one more.

    Args:
        image: an opened picture that is not loaded yet.
        again: opens the same file once more.

    Raises:
        OutOfRange: a value is negative, above 65535 or no number.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return _checked(np.asarray(image))
    # Pillow keeps the upper byte of 16-bit colours; read in the other byte order, the upper byte
    # is the lower one.
    if (_raw_mode(image), image.mode) == ("LA;16B", "RGBA"):  # read both bytes as a band each
        image.tile = _layout(image, "RGBA")
        upper_and_lower = np.asarray(image).astype(np.uint16)
        return upper_and_lower[..., ::2] * 256 + upper_and_lower[..., 1::2]
    mode, _, depth = _raw_mode(image).partition(";")
    if depth not in SWAPPED or mode not in ("RGB", "RGBA", "RGBX"):
        return None
    with again() as lower:
        lower.tile = _layout(lower, f"{mode};{SWAPPED[depth]}")
        low = np.asarray(lower).astype(np.uint16)
    return np.asarray(image).astype(np.uint16) * 256 + low


def is_cut_to_8_bits(image: ImageFile.ImageFile) -> bool:
    """Return True if Pillow keeps the upper 8 bits of this picture, which is not loaded yet."""
    return _raw_mode(image).endswith(tuple(SWAPPED)) and not image.mode.startswith("I")


def to_bytes(values: np.ndarray, white: int) -> np.ndarray:
    """Return values from 0 to `white` as uint8 from 0 to 255, rounded."""
    return np.rint(values * (255.0 / white)).clip(0, 255).astype(np.uint8)


def _checked(values: np.ndarray) -> np.ndarray:
    """Return the values if they fit 16 bits."""
    if not np.isfinite(values).all():
        raise OutOfRange("some pixels are infinite or no numbers; save 8 or 16 bits")
    least, most = values.min(), values.max()
    if least < 0 or most > WHITES[-1]:
        kind = "floating point " if values.dtype.kind == "f" else ""
        raise OutOfRange(
            f"{kind}pixels from {least:g} to {most:g} do not fit 16 bits; save 8 or 16 bits"
        )
    return values


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Return the layout of the pixels in the file, for example "RGB;16B"; "" if it is unknown."""
    args = image.tile[0].args if image.tile else ""
    raw = args[0] if isinstance(args, tuple) and args else args
    return raw if isinstance(raw, str) else ""


def _layout(image: ImageFile.ImageFile, raw: str) -> list[Any]:
    """Return the tiles of a picture, read as pixels of another layout."""
    tiles: list[Any] = image.tile
    return [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
        for tile in tiles
    ]
