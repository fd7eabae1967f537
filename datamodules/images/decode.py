"""An image file as grey or colour bytes, or the reason why it cannot be read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

Channels = Literal[1, 3]
LEAST_SIDE = 4  # pixels; below it there is nothing to crop
# Pillow refuses above twice its limit and only warns above the limit itself: refuse there.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """A file that is no usable image; the text is the reason alone."""


def extensions() -> frozenset[str]:
    """Suffixes of the formats that Pillow reads, in lower case with the dot."""
    kinds = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in kinds.items() if kind in Image.OPEN)


def read(path: Path, channels: Channels | None = None) -> Image.Image:
    """The picture upright, in mode L (1 channel) or RGB (3 channels).

    The camera's orientation is applied, transparent pixels lie on white, 16-bit values are divided
    by 257, CMYK and palettes become RGB; of animations the first frame is read.

    Args:
        path: of any format that Pillow reads.
        channels: None keeps grey images grey and makes all others RGB.

    Raises:
        BadImage: missing, broken, cut off, too large, too small or of an unknown kind.
    """
    try:
        with Image.open(path) as file:
            ImageOps.exif_transpose(file, in_place=True)
            image = _plain(file)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(_bomb(str(error))) from error
    except UnidentifiedImageError as error:
        raise BadImage(_unidentified(path)) from error
    except FileNotFoundError as error:
        raise BadImage("broken link" if path.is_symlink() else "no such file") from error
    except Exception as error:  # Pillow's decoders fail in every way there is
        raise BadImage(" ".join(str(error).split())[:160] or type(error).__name__) from error
    if min(image.size) < LEAST_SIDE:
        raise BadImage(f"{image.width} x {image.height} pixels; a side needs at least {LEAST_SIDE}")
    mode = {1: "L", 3: "RGB", None: image.mode}[channels]
    return image if image.mode == mode else image.convert(mode)


def _plain(image: Image.Image) -> Image.Image:
    """Mode L or RGB of the same picture, loaded."""
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        return _sixteen_bit(image)
    if image.mode == "F":
        raise BadImage("pixels are floating point numbers without a range; save 8 or 16 bits")
    if image.mode in ("LA", "La"):
        return _on_white(image.convert("LA"))
    if image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Composited over white: what a transparent pixel hides is no part of the picture."""
    *colours, alpha = image.split()
    picture = colours[0] if len(colours) == 1 else Image.merge("RGB", colours)
    white = Image.new(picture.mode, picture.size, "white")
    return Image.composite(picture, white, alpha)


def _sixteen_bit(image: Image.Image) -> Image.Image:
    """Divided by 257: Pillow's own conversion clips everything above 255 to white."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise BadImage(
            f"pixels from {values.min()} to {values.max()} fit no 16 bits; save 8 or 16 bits"
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _bomb(error: str) -> str:
    pixels = next((word for word in error.split() if word.strip("()").isdigit()), "too many")
    limit = Image.MAX_IMAGE_PIXELS
    return f"{pixels.strip('()')} pixels, more than {limit}: it may be a decompression bomb"


def _unidentified(path: Path) -> str:
    return "empty file" if path.stat().st_size == 0 else "not an image that Pillow can read"


def to_tensor(image: Image.Image) -> UInt8[Tensor, "C H W"]:
    """The bytes of a picture in mode L or RGB."""
    pixels = torch.from_numpy(np.array(image))  # a copy: Pillow's own memory is read-only
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
