"""Encode images as data URIs, so that the page loads no files."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

WIDTH, HEIGHT = 256, 128  # pixels; the page shows most pictures at about half of it


def data_uri(image: UInt8[np.ndarray, "C H W"]) -> str:
    """Return a PNG of an image; if it has neither 1 nor 3 channels, only the first is shown."""
    pixels = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    picture = Image.fromarray(pixels)
    picture.thumbnail((WIDTH, HEIGHT))
    if len(image) == 3 and (colours := picture.getcolors(256)):  # a drawing: half the bytes
        picture = picture.quantize(len(colours))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
