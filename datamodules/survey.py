"""What one look at every file of a set tells: unreadable ones, sizes, statistics, fingerprints."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, UInt8, UInt64
from PIL import Image
from rich.progress import track

from manyviews.datamodules.decode import BadImage, read

VERSION = 1  # of what is looked at; another one makes the kept surveys void
BANDS = 4  # red, green, blue, grey
QUICK = 2000  # files that need no progress bar


@dataclass(frozen=True)
class Survey:
    """One row per file.

    Attributes:
        reason: why it cannot be read, "" where it can.
        size: height and width of the upright image in pixels, int32 (N, 2).
        colour: whether it is not grey by its mode.
        digest: first 16 bytes of the SHA-256 of the file, uint8 (N, 16).
        moments: mean and mean square of red, green, blue and grey, 0..1, float32 (N, 4, 2).
        shape: 64 signs of neighbouring differences in an 8 x 9 thumbnail ("dHash"), uint64 (N,).
        histogram: pixels of every value 0..255 in red, green, blue and grey over all files, as
            shares of each image, float64 sums (4, 256).
    """

    reason: np.ndarray
    size: Int32[np.ndarray, "N 2"]
    colour: np.ndarray
    digest: UInt8[np.ndarray, "N 16"]
    moments: Float32[np.ndarray, "N 4 2"]
    shape: UInt64[np.ndarray, " N"]
    histogram: np.ndarray


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
        made = _made(paths, workers)
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


def _made(paths: Sequence[Path], workers: int) -> Survey:
    rows, histogram = [], np.zeros((BANDS, 256))
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(_look, paths)
        if len(paths) > QUICK:
            looks = track(looks, "looking at every image once", len(paths), transient=True)
        for row, shares in looks:
            rows.append(row)
            histogram += shares
    reason, size, colour, digest, moments, shape = zip(*rows, strict=True)
    return Survey(
        np.array(reason, dtype=np.str_),
        np.array(size, np.int32),
        np.array(colour, bool),
        np.frombuffer(b"".join(digest), np.uint8).reshape(-1, 16),
        np.stack(moments),
        np.array(shape, np.uint64),
        histogram,
    )


def _look(path: Path):
    """One row, and the image's share in the histogram."""
    try:
        image = read(path)
        digest = hashlib.sha256(path.read_bytes()).digest()[:16]
    except (BadImage, OSError) as error:
        moments = np.zeros((BANDS, 2), np.float32)
        return (str(error), (0, 0), False, bytes(16), moments, 0), np.zeros((BANDS, 256))
    shares = _shares(image)
    value = np.arange(256) / 255
    moments = np.stack([shares @ value, shares @ value**2], 1).astype(np.float32)
    colour = image.mode == "RGB"
    size = (image.height, image.width)
    return ("", size, colour, digest, moments, _dhash(image)), shares


def _shares(image: Image.Image) -> Float32[np.ndarray, "4 256"]:
    """Share of the pixels that has each value, in red, green, blue and grey."""
    grey = np.array(image.convert("L").histogram()).reshape(1, 256)
    bands = np.array(image.histogram()).reshape(-1, 256)
    bands = bands if len(bands) == 3 else bands.repeat(3, 0)
    return (np.concatenate([bands, grey]) / (image.width * image.height)).astype(np.float32)


def _dhash(image: Image.Image) -> int:
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX)).astype(int)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int(np.packbits(bits).view(np.uint64)[0])
