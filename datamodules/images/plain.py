"""Pictures of every mode of Pillow as grey or RGB bytes, and what was done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageFile

from manyviews.datamodules.images.deep import deep_values, is_cut_to_8_bits, to_bytes, white_of


class Plain(NamedTuple):
    """A picture in mode L or RGB.

    Attributes:
        image: the picture.
        peak: largest value in the file if it holds more than 8 bits, else 0.
        done: what was done to the picture that may lose something: words of `notes.SENTENCES`,
            perhaps with a number, as in "bands:4".
    """

    image: Image.Image
    peak: float = 0.0
    done: tuple[str, ...] = ()


def plain(
    image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile], white: int | None
) -> Plain:
    """Load a picture and return it in mode L or RGB.

    Args:
        image: an opened picture that is not loaded yet.
        again: opens the same file once more.
        white: value of more than 8 bits that becomes 255; None: that of the picture's own depth.

    Raises:
        OutOfRange: values are negative, above 65535 or no numbers.
    """
    done = ("upper8",) if is_cut_to_8_bits(image) else ()
    bands = _bands(image)
    if (values := deep_values(image, again)) is not None:
        made = _deep(image, values, white)
    elif image.mode in ("RGBA", "RGBa", "PA", "LA", "La") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L", "1", "I;16")
        made = _on_white(_with_alpha(image, grey))
    else:
        made = _opaque(image)
    if values is not None:
        done = ()
    if bands > (3 if image.mode == "RGBX" else len(image.getbands())):
        done += (f"bands:{bands}",)
    return made._replace(done=(*made.done, *done))


def _with_alpha(image: Image.Image, grey: bool) -> Image.Image:
    """Return a picture with transparency in mode LA or RGBA."""
    if image.mode == "La":
        return image.convert("LA")
    if image.mode == "1":  # Pillow cannot convert a transparent 1-bit picture at once
        transparency = image.info.get("transparency")
        image = image.convert("L")
        image.info["transparency"] = 255 if transparency else 0
    return image.convert("LA" if grey else "RGBA")


def _on_white(image: Image.Image) -> Plain:
    """Composite a picture in mode LA or RGBA over white.

    The colour below a transparent pixel is arbitrary, unless the whole picture is transparent: then
    it is all there is, and its transparency is ignored.
    """
    *colours, alpha = image.split()
    picture = colours[0] if len(colours) == 1 else Image.merge("RGB", colours)
    least, most = _extrema(alpha)
    if least == 255:
        return Plain(picture)
    if most == 0:
        return Plain(picture, done=("transparent",))
    white = Image.new(picture.mode, picture.size, "white")
    shown = Image.composite(picture, white, alpha)
    blank = all(low == 255 for low, _ in _all_extrema(shown))
    return Plain(shown, done=("white_on_white" if blank else "alpha",))


def _opaque(image: Image.Image) -> Plain:
    """Convert a picture of 8 bits or fewer without transparency."""
    if image.mode in ("L", "RGB"):
        image.load()
        return Plain(image)
    if image.mode == "1":
        return Plain(image.convert("L"))
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        return Plain(made if made is not None else image, done=("lab",))
    return Plain(image.convert("RGB"), done=("cmyk",) if image.mode == "CMYK" else ())


def _deep(image: Image.Image, values: np.ndarray, white: int | None) -> Plain:
    """Return values of more than 8 bits as a picture of 8, on white where it is transparent."""
    colours, alpha = values, None
    key = image.info.get("transparency")
    if key is not None:  # one value or colour is transparent
        same = values == np.array(key)
        alpha = np.where(same.all(-1) if values.ndim == 3 else same, 0, 255).astype(np.uint8)
    elif image.mode == "RGBA":
        alpha = to_bytes(values[..., -1], 65535)
    if values.ndim == 3:
        colours = values[..., 0] if values.shape[2] == 2 else values[..., :3]
    peak = float(colours.max())
    picture = Image.fromarray(to_bytes(colours, white_of(peak) if white is None else white))
    kind = "float" if values.dtype.kind == "f" else "deep"
    if alpha is None:
        return Plain(picture, peak, (kind,))
    picture.putalpha(Image.fromarray(alpha))
    made = _on_white(picture)
    return Plain(made.image, peak, (kind, *made.done))


def _bands(image: Image.Image) -> int:
    """Return the bands per pixel in the file, as far as its header says so."""
    tags = getattr(image, "tag_v2", None)
    return int(tags.get(277, 0)) if tags is not None else 0  # 277: samples per pixel of a TIFF


def _extrema(band: Image.Image) -> tuple[float, float]:
    ((least, most),) = _all_extrema(band)
    return least, most


def _all_extrema(image: Image.Image) -> list[tuple[float, float]]:
    """Return least and largest value of every band."""
    found = image.getextrema()
    return [*found] if isinstance(found[0], tuple) else [found]  # pyright: ignore
