"""Decoding of image files to grey or RGB bytes, with a plain reason if a file is unusable."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from manyviews.errors import RunFailed

Channels = Literal[1, 3]
LEAST_SIDE = 4  # pixels; smaller images leave nothing to crop


class BadImage(RunFailed):
    """An error: a file is no usable image. The message is the reason alone."""


def extensions() -> frozenset[str]:
    """Return the suffixes of the formats that Pillow reads, in lower case, with the dot."""
    kinds = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in kinds.items() if kind in Image.OPEN)


def read(path: Path, channels: Channels | None = None) -> Image.Image:
    """Return the upright picture in mode L (1 channel) or RGB (3 channels).

    The orientation tag of the camera is applied, transparent pixels are put on white, 16-bit values
    are divided by 257, CMYK and palettes become RGB, and of an animation the first frame is read.

    Args:
        path: a file of any format that Pillow reads.
        channels: 1 or 3; None keeps grey images grey and makes all others RGB.

    Raises:
        BadImage: the file is missing, broken, truncated, too large, too small or of an unknown
            format.
    """
    try:
        with Image.open(path) as file:
            _check_size(file)
            ImageOps.exif_transpose(file, in_place=True)
            image = _plain(file)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(_bomb(str(error))) from error
    except UnidentifiedImageError as error:
        raise BadImage(_unidentified(path)) from error
    except FileNotFoundError as error:
        raise BadImage("broken link" if path.is_symlink() else "no such file") from error
    except Exception as error:  # Pillow's decoders raise many types of errors on broken files
        raise BadImage(" ".join(str(error).split())[:160] or type(error).__name__) from error
    if min(image.size) < LEAST_SIDE:
        raise BadImage(f"{image.width} x {image.height} pixels; a side needs at least {LEAST_SIDE}")
    # Pillow weights the colours by 0.299, 0.587, 0.114 on the way to grey.
    mode = {1: "L", 3: "RGB", None: image.mode}[channels]
    return image if image.mode == mode else image.convert(mode)


def _check_size(image: Image.Image) -> None:
    """Raise if an image has more pixels than Pillow's limit.

    Pillow itself raises above twice its limit; up to there it only warns.
    """
    pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:
        raise BadImage(_bomb(str(pixels)))


def _plain(image: Image.Image) -> Image.Image:
    """Load the picture and convert it to mode L or RGB."""
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):  # 16 bits, perhaps stored as 32
        return _sixteen_bit(image)
    if image.mode == "F":
        raise BadImage("pixels are floating point numbers without a range; save 8 or 16 bits")
    if image.mode in ("LA", "La"):
        return _on_white(image.convert("LA"))
    if image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Composite the picture over white: the colour below a transparent pixel is arbitrary."""
    *colours, alpha = image.split()
    picture = colours[0] if len(colours) == 1 else Image.merge("RGB", colours)
    white = Image.new(picture.mode, picture.size, "white")
    return Image.composite(picture, white, alpha)


def _sixteen_bit(image: Image.Image) -> Image.Image:
    """Divide by 257, as Pillow's own conversion clips everything above 255 to white."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise BadImage(
            f"pixels from {values.min()} to {values.max()} do not fit 16 bits; save 8 or 16 bits"
        )
    # 257 = 65535 / 255; adding half of it rounds.
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _bomb(error: str) -> str:
    """Return the reason for a picture with too many pixels, from the words of Pillow's error."""
    pixels = next((word for word in error.split() if word.strip("()").isdigit()), "too many")
    limit = Image.MAX_IMAGE_PIXELS
    return f"{pixels.strip('()')} pixels, more than {limit}: it may be a decompression bomb"


def _unidentified(path: Path) -> str:
    """Return the reason for a file whose format Pillow does not know."""
    return "empty file" if path.stat().st_size == 0 else "not an image that Pillow can read"


def to_tensor(image: Image.Image) -> UInt8[Tensor, "C H W"]:
    """Return the bytes of a picture in mode L or RGB."""
    pixels = torch.from_numpy(np.array(image))  # a copy: Pillow's own memory is read-only
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
