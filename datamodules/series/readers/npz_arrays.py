"""The arrays of an .npz file, with every claim in it checked before memory is taken for it."""

from __future__ import annotations

import math
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from manyviews.datamodules.error_text import error_text
from manyviews.errors import ConfigError

METHODS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED  # numpy writes no others
DENSEST = 1032  # deflate makes at most so many bytes out of one


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays by key; nothing is ever unpickled.

    Raises:
        ConfigError: it is no .npz file, it is damaged, or it holds something else than plain
            arrays.
    """
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(path) as held:
            warnings.simplefilter("ignore")  # about files that Python 2 wrote, which are read
            return _arrays(held, path.stat().st_size)
    except Exception as error:  # zip, zlib, numpy and Python's parser each raise their own
        raise ConfigError(
            f"{path} is not an .npz file of plain arrays ({_kind(path) or error_text(error)}); "
            "write it with numpy.savez, and names as arrays of strings"
        ) from error


def _arrays(held: zipfile.ZipFile, size: int) -> dict[str, np.ndarray]:
    """Return the arrays of an opened file of `size` bytes."""
    arrays = {}
    for member in held.infolist():
        key = member.filename.removesuffix(".npy")
        if key in arrays:
            raise ValueError(f"it holds two arrays of the name {key!r}")
        if member.compress_type not in METHODS:
            raise ValueError(f"{key!r} is compressed in another way than numpy does it")
        if member.compress_size > size or member.file_size > DENSEST * (member.compress_size + 1):
            raise ValueError(f"{key!r} claims more bytes than the file can hold")
        _check_claim(held, member, key)
        with held.open(member) as stream:
            try:
                arrays[key] = npy.read_array(stream, allow_pickle=False)
            except MemoryError:
                raise ValueError(f"{key!r} does not fit into memory") from None
            if stream.read(1):
                raise ValueError(f"there is something after the array {key!r}")
    return arrays


def _check_claim(held: zipfile.ZipFile, member: zipfile.ZipInfo, key: str) -> None:
    """Raise unless the header of an array claims just the bytes that follow it."""
    with held.open(member) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        there = member.file_size - stream.tell()
    if dtype.hasobject:
        raise ValueError(f"{key!r} holds Python objects, which are never unpickled")
    if min(shape, default=0) < 0:
        raise ValueError(f"{key!r} has the shape {shape}")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != there:
        raise ValueError(f"{key!r} claims {claimed:,} bytes, and has {there:,}")


def _kind(path: Path) -> str:
    """Return what a file is by its first bytes, if that is a usual mistake; else nothing."""
    try:
        with path.open("rb") as stream:
            first = stream.read(len(npy.MAGIC_PREFIX))
    except OSError:
        return ""
    if first == npy.MAGIC_PREFIX:
        return "it is one array, an .npy; pass it as value=... to numpy.savez"
    return "" if first else "it is empty"
