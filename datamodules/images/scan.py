"""What one look at every image of a set tells: unreadable ones, sizes, statistics, fingerprints."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8
from PIL import Image
from rich.progress import track
from torch import Tensor

from manyviews.datamodules.images.decode import BadImage, read

VERSION = 2  # of what is looked at; another one makes the kept surveys void
BANDS = 4  # red, green, blue, grey
THUMBNAIL = (8, 9)  # pixels; eight differences in each of eight lines
QUICK = 2000  # images that need no progress bar


@dataclass(frozen=True)
class Survey:
    """One row per image.

    Attributes:
        reason: why it cannot be read, "" where it can.
        size: height and width of the upright image in pixels, int32 (N, 2).
        colour: whether it is not grey by its mode.
        digest: first 16 bytes of the SHA-256 of the file, in memory of the pixels, uint8 (N, 16).
        moments: mean and mean square of red, green, blue and grey, 0..1, float32 (N, 4, 2).
        thumbnail: the whole image in grey as 8 x 9 pixels, uint8 (N, 8, 9).
        histogram: pixels of every value 0..255 in red, green, blue and grey over all images, as
            shares of each image, float64 sums (4, 256).
    """

    reason: np.ndarray
    size: Int32[np.ndarray, "N 2"]
    colour: np.ndarray
    digest: UInt8[np.ndarray, "N 16"]
    moments: Float32[np.ndarray, "N 4 2"]
    thumbnail: UInt8[np.ndarray, "N 8 9"]
    histogram: np.ndarray

    def rows(self, rows: Int64[np.ndarray, " M"] | Bool[np.ndarray, " N"]) -> Survey:
        """Some of them; the histogram stays that of all."""
        kept = [field.name for field in fields(Survey) if field.name != "histogram"]
        return replace(self, **{name: getattr(self, name)[rows] for name in kept})


def survey(paths: Sequence[Path], workers: int) -> Survey:
    """Look at every file once; the result is kept until a file changes.

    It is kept in the folder that the environment variable MANYVIEWS_CACHE names, by default
    `manyviews` in the user's cache.

    Args:
        paths: of all splits.
        workers: threads; Pillow decodes without holding Python's lock.
    """
    kept = _cache() / f"survey-{_key(paths)}.npz"
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            return Survey(**{field.name: arrays[field.name] for field in fields(Survey)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        made = _made(_look, paths, workers)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(beside, **{field.name: getattr(made, field.name) for field in fields(Survey)})
        beside.replace(kept)
    except OSError:
        pass  # it only costs the next command another look
    return made


def _cache() -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "manyviews"
    return Path(os.environ.get("MANYVIEWS_CACHE", default))


def _key(paths: Sequence[Path]) -> str:
    """Changes with any file that is added, removed, renamed or written."""
    digest = hashlib.sha256(str(VERSION).encode())
    for path in paths:
        try:
            stat = path.stat()
            mark = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            mark = "gone"
        digest.update(os.fsencode(path.absolute()) + b"\0" + mark.encode() + b"\0")
    return digest.hexdigest()[:24]


def survey_in_memory(images: Sequence[UInt8[Tensor, "_ _ _"]], workers: int) -> Survey:
    """Look at images of 1 or 3 channels that are decoded already.

    Args:
        images: of all splits.
        workers: threads.
    """
    return _made(_look_in_memory, images, workers)


def _made(look: Callable[[Any], Any], images: Sequence[Any], workers: int) -> Survey:
    rows, histogram = [], np.zeros((BANDS, 256))
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(look, images)
        if len(images) > QUICK:
            looks = track(looks, "looking at every image once", len(images), transient=True)
        for row, shares in looks:
            rows.append(row)
            histogram += shares
    reason, size, colour, digest, moments, thumbnail = zip(*rows, strict=True)
    return Survey(
        np.array(reason, dtype=np.str_),
        np.array(size, np.int32),
        np.array(colour, bool),
        np.frombuffer(b"".join(digest), np.uint8).reshape(-1, 16),
        np.stack(moments),
        np.stack(thumbnail),
        histogram,
    )


def _look(path: Path):
    """One row, and the image's share in the histogram."""
    try:
        image = read(path)
        return _row(image, path.read_bytes())
    except (BadImage, OSError) as error:
        moments = np.zeros((BANDS, 2), np.float32)
        thumbnail = np.zeros(THUMBNAIL, np.uint8)
        return (str(error), (0, 0), False, bytes(16), moments, thumbnail), np.zeros((BANDS, 256))


def _look_in_memory(image: UInt8[Tensor, "C H W"]):
    pixels = image.permute(1, 2, 0).squeeze(2).numpy()
    return _row(Image.fromarray(np.ascontiguousarray(pixels)), pixels.tobytes())


def _row(image: Image.Image, content: bytes):
    shares = _shares(image)
    value = np.arange(256) / 255
    moments = np.stack([shares @ value, shares @ value**2], 1).astype(np.float32)
    digest = hashlib.sha256(content).digest()[:16]
    size = (image.height, image.width)
    return ("", size, image.mode == "RGB", digest, moments, _thumbnail(image)), shares


def _shares(image: Image.Image) -> Float32[np.ndarray, "4 256"]:
    """Share of the pixels that has each value, in red, green, blue and grey."""
    grey = np.array(image.convert("L").histogram()).reshape(1, 256)
    bands = np.array(image.histogram()).reshape(-1, 256)
    bands = bands if len(bands) == 3 else bands.repeat(3, 0)
    return (np.concatenate([bands, grey]) / (image.width * image.height)).astype(np.float32)


def _thumbnail(image: Image.Image) -> UInt8[np.ndarray, "8 9"]:
    height, width = THUMBNAIL
    return np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX))
