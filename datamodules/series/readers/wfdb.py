"""A reader for records of PhysioNet: header, signals of format 212 and rhythm annotations.

The formats are those of the WFDB Applications Guide: header(5), signal(5) and annot(5).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from manyviews.datamodules.error_text import error_text
from manyviews.errors import ConfigError

RHYTHM, SKIP, AUX = 28, 59, 63  # codes of annotations: a rhythm, a long pause, a text
MARKS = range(60, 63)  # codes of fields that have no time and are not needed here
INVALID = -2048  # stands for a missing sample
DEFAULT_GAIN = 200.0  # meant by a gain of 0 in the header
SMALLEST = 1e-6  # gain; what is smaller, or larger than its inverse, comes from a damaged header


class Record(NamedTuple):
    """A record: its signals and the rhythms that cardiologists annotated.

    Attributes:
        value: float32 (S, C) in physical units, NaN for a missing sample.
        rate: sampling rate in Hz.
        channels: names of the signals.
        rhythm: (first step, name) of every rhythm, in order of time.
    """

    value: Float32[np.ndarray, "S C"]
    rate: float
    channels: tuple[str, ...]
    rhythm: list[tuple[int, str]]


def read_record(header: Path) -> Record:
    """Read the record of a `.hea` file, with the `.dat` and `.atr` files in the same folder.

    Raises:
        ConfigError: a file is missing, truncated, or of another format.
    """
    try:
        text = header.read_text("ascii")
        lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        _, count, rate, steps = lines[0].split()[:4]
        fields = [line.split(maxsplit=8) for line in lines[1:3]]
        if (count, fields[0][1], fields[1][:2]) != ("2", "212", fields[0][:2]):
            raise ValueError("only two signals of format 212 in one file are read")
        per_second, file = float(rate.split("/")[0]), fields[0][0]
        if not (0 < per_second < float("inf") and int(steps) > 0):
            raise ValueError(f"rate {rate}, {steps} steps")
        if not header.with_name(file).is_file():  # a named pipe would be waited for
            raise ValueError(f"{file} is no file")
        samples = unpack(np.fromfile(header.with_name(file), np.uint8))
        if len(samples) < int(steps):
            raise ValueError(f"it has {steps} steps, but its .dat file {len(samples)}")
        rhythm = rhythms(header.with_suffix(".atr").read_bytes())
        gain, zero = np.array([_gain(f) for f in fields], dtype=np.float32).T
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{header}: the record cannot be read ({error_text(error)})") from error
    samples = samples[: int(steps)]
    value = np.where(samples == INVALID, np.float32(np.nan), (samples - zero) / gain)
    channels = tuple(f[8] if len(f) > 8 else str(c) for c, f in enumerate(fields))
    return Record(value, per_second, channels, rhythm)


def _gain(fields: list[str]) -> tuple[float, float]:
    """Return the sample units per physical unit, and the sample value that means 0."""
    found = re.match(r"([\d.eE+-]+)(?:\((-?\d+)\))?", fields[2])
    if not found:
        raise ValueError(f"gain {fields[2]!r}")
    gain = float(found[1]) or DEFAULT_GAIN
    zero = float(found[2] or (fields[4] if len(fields) > 4 else "0"))
    if not (SMALLEST < abs(gain) < 1 / SMALLEST and abs(zero) < 1 / SMALLEST):
        raise ValueError(f"gain {gain:g}, zero {zero:g}")
    return gain, zero


def unpack(raw: UInt8[np.ndarray, " n"]) -> Int16[np.ndarray, "S 2"]:
    """Return two samples of 12 bits from every three bytes."""
    low, both, high = raw[: len(raw) // 3 * 3].reshape(-1, 3).astype(np.int16).T
    samples = np.stack([low | (both & 0x0F) << 8, high | (both & 0xF0) << 4], 1)
    return (samples ^ 0x800) - 0x800  # extend the sign from 12 to 16 bits


def rhythms(raw: bytes) -> list[tuple[int, str]]:
    """Return first step and name of every rhythm in an annotation file.

    Raises:
        ValueError: the file is truncated.
    """
    words = np.frombuffer(raw[: len(raw) // 2 * 2], "<u2").tolist()
    found: list[tuple[int, str]] = []
    time, kind, i = 0, 0, 0
    while words[i]:
        # 6 bits of code, 10 bits of time since the annotation before (or the size of a text)
        code, interval = words[i] >> 10, words[i] & 0x3FF
        i += 1
        if code == SKIP:
            jump = words[i] << 16 | words[i + 1]
            time += jump - (jump >> 31 << 32)  # a signed number of 32 bits
            i += 2
        elif code == AUX:
            text = raw[2 * i : 2 * i + interval].rstrip(b"\0").decode("latin1")
            if kind == RHYTHM:
                found.append((time, text.removeprefix("(")))
            i += (interval + 1) // 2  # texts are padded to whole words
        elif code not in MARKS:
            time, kind = time + interval, code
        if i >= len(words):
            raise ValueError("the annotations are truncated")
    return found
