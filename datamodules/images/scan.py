"""One pass over all images of a data set: unreadable files, sizes, statistics and fingerprints."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8
from PIL import Image
from rich.progress import track
from torch import Tensor

from manyviews.datamodules.images.decode import BadImage, decode
from manyviews.datamodules.images.deep import white_of

VERSION = 3  # of the scanned properties; older results in the cache are ignored
BANDS = 4  # red, green, blue, grey
THUMBNAIL = (8, 9)  # pixels: eight differences of neighbours in each of eight rows
QUICK = 2000  # up to so many images no progress bar is shown


@dataclass(frozen=True)
class Scan:
    """The result of a scan, one row per image.

    Attributes:
        reason: why the image cannot be read, "" if it can.
        size: height and width of the upright image in pixels, int32 (N, 2).
        colour: True if the image has a colour mode, bool (N,).
        digest: first 16 bytes of the SHA-256 of the file, or of the pixels of an image in memory,
            uint8 (N, 16).
        moments: mean and mean square of red, green, blue and grey, 0..1, float32 (N, 4, 2).
        thumbnail: the whole image in colour as 8 x 9 pixels, uint8 (N, 8, 9, 3).
        histogram: share of the pixels that has each value 0..255 in red, green, blue and grey,
            summed over all images, float64 (4, 256).
        peak: largest value in the file if it holds more than 8 bits, else 0, float32 (N,).
        done: what was done to the image that may lose something: words of `notes.SENTENCES`,
            separated by blanks.
    """

    reason: np.ndarray
    size: Int32[np.ndarray, "N 2"]
    colour: np.ndarray
    digest: UInt8[np.ndarray, "N 16"]
    moments: Float32[np.ndarray, "N 4 2"]
    thumbnail: UInt8[np.ndarray, "N 8 9 3"]
    histogram: np.ndarray
    peak: Float32[np.ndarray, " N"]
    done: np.ndarray

    @property
    def white(self) -> int | None:
        """Value of files of more than 8 bits that becomes 255; None if there are no such files."""
        peak = float(self.peak.max(initial=0))
        return white_of(peak) if peak else None

    def rows(self, rows: Int64[np.ndarray, " M"] | Bool[np.ndarray, " N"]) -> Scan:
        """Return these rows alone; the histogram stays that of all images."""
        kept = [field.name for field in fields(Scan) if field.name != "histogram"]
        return replace(self, **{name: getattr(self, name)[rows] for name in kept})


def scan(paths: Sequence[Path], workers: int) -> Scan:
    """Read every file once; the result is cached until a file changes.

    The cache lies in the folder that the environment variable MANYVIEWS_CACHE names, by default
    `manyviews` in the user's cache folder.

    Args:
        paths: files of all splits.
        workers: threads; Pillow releases the interpreter lock while it decodes.
    """
    cached = _cache() / f"scan-{_key(paths)}.npz"
    try:
        with np.load(cached, allow_pickle=False) as arrays:
            return Scan(**{field.name: arrays[field.name] for field in fields(Scan)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # missing or damaged
        result = _scan_files(paths, workers)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Written under another name first: two processes may do so at the same time.
        partial = cached.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, **{field.name: getattr(result, field.name) for field in fields(Scan)})
        partial.replace(cached)
    except OSError:
        pass  # the next command only has to scan again
    return result


def _scan_files(paths: Sequence[Path], workers: int) -> Scan:
    """Scan files; those of more than 8 bits have one white for the whole data set."""
    result = _scan_all(_scan_file, paths, workers)
    own = {white_of(peak) for peak in result.peak[result.peak > 0].tolist()}
    if len(own) > 1:  # the first scan took each picture's own depth
        result = _scan_all(partial(_scan_file, white=result.white), paths, workers)
    return result


def _cache() -> Path:
    """Return the cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "manyviews"
    return Path(os.environ.get("MANYVIEWS_CACHE", default))


def _key(paths: Sequence[Path]) -> str:
    """Return a hash that changes if a file is added, removed, renamed or written."""
    digest = hashlib.sha256(str(VERSION).encode())
    for path in paths:
        try:
            stat = path.stat()  # size and time: hashing the content would read every file
            mark = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            mark = "gone"
        digest.update(os.fsencode(path.absolute()) + b"\0" + mark.encode() + b"\0")
    return digest.hexdigest()[:24]


def scan_in_memory(images: Sequence[UInt8[Tensor, "_ _ _"]], workers: int) -> Scan:
    """Scan images of 1 or 3 channels that are decoded already.

    Args:
        images: images of all splits.
        workers: threads.
    """
    return _scan_all(_scan_image, images, workers)


def _scan_all(one: Callable[[Any], Any], images: Sequence[Any], workers: int) -> Scan:
    """Scan all images in threads, with a progress bar if there are many."""
    rows, histogram = [], np.zeros((BANDS, 256))
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(one, images)
        if len(images) > QUICK:
            results = track(results, "scanning all images", len(images), transient=True)
        for row, shares in results:
            rows.append(row)
            histogram += shares
    reason, size, colour, digest, moments, thumbnail, peak, done = zip(*rows, strict=True)
    return Scan(
        np.array(reason, dtype=np.str_),
        np.array(size, np.int32),
        np.array(colour, bool),
        np.frombuffer(b"".join(digest), np.uint8).reshape(-1, 16),
        np.stack(moments),
        np.stack(thumbnail),
        histogram,
        np.array(peak, np.float32),
        np.array(done, dtype=np.str_),
    )


def _scan_file(path: Path, white: int | None = None):
    """Return the row of an image file, and its share of the histogram."""
    try:
        image, peak, done = decode(path, white)
        return _row(image, path.read_bytes(), peak, " ".join(done))
    except (BadImage, OSError) as error:
        # A row of zeros keeps the number of each file.
        moments = np.zeros((BANDS, 2), np.float32)
        thumbnail = np.zeros((*THUMBNAIL, 3), np.uint8)
        row = (str(error), (0, 0), False, bytes(16), moments, thumbnail, 0.0, "")
        return row, np.zeros((BANDS, 256))


def _scan_image(image: UInt8[Tensor, "C H W"]):
    """Return the row of a decoded image, and its share of the histogram."""
    pixels = image.permute(1, 2, 0).squeeze(2).numpy()
    return _row(Image.fromarray(np.ascontiguousarray(pixels)), pixels.tobytes())


def _row(image: Image.Image, content: bytes, peak: float = 0.0, done: str = ""):
    """Return the row of a picture with this content, and its share of the histogram."""
    shares = _shares(image)
    value = np.arange(256) / 255
    # From the histogram: 256 numbers instead of all pixels.
    moments = np.stack([shares @ value, shares @ value**2], 1).astype(np.float32)
    digest = hashlib.sha256(content).digest()[:16]
    size = (image.height, image.width)
    small = _thumbnail(image)
    return ("", size, image.mode == "RGB", digest, moments, small, peak, done), shares


def _shares(image: Image.Image) -> Float32[np.ndarray, "4 256"]:
    """Return the share of the pixels that has each value, in red, green, blue and grey."""
    grey = np.array(image.convert("L").histogram()).reshape(1, 256)
    bands = np.array(image.histogram()).reshape(-1, 256)
    # A grey picture has three equal colours.
    bands = bands if len(bands) == 3 else bands.repeat(3, 0)
    return (np.concatenate([bands, grey]) / (image.width * image.height)).astype(np.float32)


def _thumbnail(image: Image.Image) -> UInt8[np.ndarray, "8 9 3"]:
    """Return the whole picture in colour, averaged to 8 x 9 pixels."""
    height, width = THUMBNAIL
    small = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small.convert("RGB"))
