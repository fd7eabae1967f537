"""Encode images as data URIs, so that the page loads no files."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

WIDTH, HEIGHT = 256, 128  # pixels; the page shows most pictures at about half of it
SMALL = 64  # pixels of the longer side up to which every pixel is kept


def data_uri(image: UInt8[np.ndarray, "C H W"]) -> str:
    """Return an image as PNG, or as JPEG if it is large and has many colours, as photographs.

    Of an image that has neither 1 nor 3 channels only the first is shown.
    """
    picture = _picture(image)
    picture.thumbnail((WIDTH, HEIGHT))
    colours = picture.getcolors(256)
    if colours is None and max(picture.size) > SMALL:
        return _encoded(picture, "jpeg", quality=85)
    if colours and picture.mode == "RGB":  # a drawing: half the bytes
        picture = picture.quantize(len(colours))
    return _encoded(picture, "png")


def sheet_uri(image: UInt8[np.ndarray, "C H W"]) -> str:
    """Return a large image of many thumbnails as JPEG: a third of the bytes of a PNG."""
    return _encoded(_picture(image), "jpeg", quality=80)


def _picture(image: UInt8[np.ndarray, "C H W"]) -> Image.Image:
    return Image.fromarray(image.transpose(1, 2, 0) if len(image) == 3 else image[0])


def _encoded(picture: Image.Image, kind: str, **options: int) -> str:
    """Return a picture as data URI."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
