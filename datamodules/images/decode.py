"""Decoding of image files to grey or RGB bytes, with a plain reason if a file is unusable."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from torch import Tensor

from manyviews.datamodules.file_kind import odd_kind
from manyviews.datamodules.images.plain import plain
from manyviews.datamodules.images.png_texts import without_texts
from manyviews.errors import RunFailed

Channels = Literal[1, 3]
LEAST_SIDE = 4  # pixels; smaller images leave nothing to crop
COMMON = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM")  # tried first
# Pillow only recognises these, or starts another program on them (EPS: Ghostscript).
NOT_DECODED = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
TURNS = {  # what makes a picture upright, by its orientation tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(RunFailed):
    """An error: a file is no usable image. The message is the reason alone."""


@cache
def formats() -> tuple[str, ...]:
    """Return the names of the formats that Pillow decodes itself."""
    Image.init()
    names = dict.fromkeys([*COMMON, *Image.ID])
    return tuple(name for name in names if name in Image.OPEN and name not in NOT_DECODED)


def extensions() -> frozenset[str]:
    """Return the endings of the formats that are read, in lower case, with the dot."""
    kinds = Image.registered_extensions()
    read_too = {*formats(), "MPO"}  # Pillow opens it as a JPEG
    return frozenset(suffix for suffix, kind in kinds.items() if kind in read_too)


class Decoded(NamedTuple):
    """An image file as it is read.

    Attributes:
        image: the upright picture in mode L or RGB.
        peak: largest value in the file if it holds more than 8 bits, else 0.
        done: what was done to it that may lose something, as in `Plain`.
    """

    image: Image.Image
    peak: float
    done: tuple[str, ...]


def read(path: Path, channels: Channels | None = None, white: int | None = None) -> Image.Image:
    """Return the upright picture in mode L (1 channel) or RGB (3 channels).

    The orientation tag of the camera is applied, transparent pixels are put on white, more than 8
    bits are scaled to 8, CMYK, LAB and palettes become RGB, and of an animation the first frame is
    read.

    Args:
        path: a file of any format that Pillow reads.
        channels: 1 or 3; None keeps grey images grey and makes all others RGB.
        white: value that becomes 255 if the file holds more than 8 bits; None: the largest one of
            the smallest usual depth that holds the picture.

    Raises:
        BadImage: the file is missing, broken, truncated, too large, too small, of an unknown format
            or no regular file.
    """
    image = decode(path, white, count_frames=False).image
    # Pillow weights the colours by 0.299, 0.587, 0.114 on the way to grey.
    mode = {1: "L", 3: "RGB", None: image.mode}[channels]
    return image if image.mode == mode else image.convert(mode)


def decode(path: Path, white: int | None = None, *, count_frames: bool = True) -> Decoded:
    """Return a picture in mode L or RGB with what was done to it; see `read`.

    Args:
        path: a file of any format that Pillow reads.
        white: value that becomes 255 if the file holds more than 8 bits; None: that of the
            picture's own depth.
        count_frames: also tell how many frames a file has, which reads all of it.
    """
    if kind := odd_kind(path):  # opening it could wait for ever
        raise BadImage(f"{kind}, not a file")
    try:
        try:
            made = _decode(path, path, white, count_frames)
        except ValueError as error:
            if "MAX_TEXT" not in str(error):
                raise
            # Pillow refuses texts and colour profiles above 1 MB, of which nothing is read here.
            content = without_texts(path.read_bytes())
            made = _decode(path, content, white, count_frames)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(_bomb(str(error))) from error
    except UnidentifiedImageError as error:
        raise BadImage(_unidentified(path)) from error
    except FileNotFoundError as error:
        raise BadImage("broken link" if path.is_symlink() else "no such file") from error
    except Exception as error:  # Pillow's decoders raise many types of errors on broken files
        raise BadImage(" ".join(str(error).split())[:160] or type(error).__name__) from error
    if min(made.image.size) < LEAST_SIDE:
        width, height = made.image.size
        raise BadImage(f"{width} x {height} pixels; a side needs at least {LEAST_SIDE}")
    return made


def _decode(path: Path, source: Path | bytes, white: int | None, count_frames: bool) -> Decoded:
    """Return the picture of a file, or of its content in memory."""

    def again() -> ImageFile.ImageFile:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        return Image.open(stream, formats=formats())

    with again() as file:
        _check_size(file)
        frames = _frames(file) if count_frames else 1
        image, peak, done = plain(file, again, white)
        turn = TURNS.get(_orientation(file))
    if frames > 1:
        done += (f"frames:{frames}",)
    return Decoded(image if turn is None else image.transpose(turn), peak, done)


def _frames(image: Image.Image) -> int:
    """Return how many frames, pages or layers a file has."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a broken later frame
        return 1


def _orientation(image: Image.Image) -> int:
    """Return the orientation tag, 1 (upright) if it cannot be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken tags say nothing about the pixels
        return 1


def _check_size(image: Image.Image) -> None:
    """Raise if an image has more pixels than Pillow's limit.

    Pillow itself raises above twice its limit; up to there it only warns.
    """
    pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:
        raise BadImage(_bomb(str(pixels)))


def _bomb(error: str) -> str:
    """Return the reason for a picture with too many pixels, from the words of Pillow's error."""
    pixels = next((word for word in error.split() if word.strip("()").isdigit()), "too many")
    return (
        f"{pixels.strip('()')} pixels, more than {Image.MAX_IMAGE_PIXELS} (it may be a "
        "decompression bomb); save it smaller, or in tiles"
    )


def _unidentified(path: Path) -> str:
    """Return the reason for a file whose format Pillow does not know."""
    return "empty file" if path.stat().st_size == 0 else "not an image that Pillow can read"


def to_tensor(image: Image.Image) -> UInt8[Tensor, "C H W"]:
    """Return the bytes of a picture in mode L or RGB."""
    pixels = torch.from_numpy(np.array(image))  # a copy: Pillow's own memory is read-only
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def to_picture(pixels: UInt8[Tensor, "C H W"]) -> Image.Image:
    """Return the picture in mode L or RGB of these bytes: the inverse of `to_tensor`."""
    return Image.fromarray(
        pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).numpy()
    )
