"""Writes records as PhysioNet stores them."""

import struct

import numpy as np


def packed(samples):
    """Two 12-bit samples a step, in three bytes."""
    first, second = (np.asarray(samples).T & 0xFFF).astype(int)
    parts = [first & 0xFF, (first >> 8) | (second >> 8) << 4, second & 0xFF]
    return np.stack(parts, 1).astype(np.uint8).tobytes()


def annotated(rhythm):
    """An annotation file with these (step, name), and a beat before each."""
    raw, time = b"", 0
    for step, name in rhythm:
        for code, at in ((1, step), (28, step)):
            gap, time = at - time, at
            if gap > 1023:
                raw += struct.pack("<HHH", 59 << 10, gap >> 16, gap & 0xFFFF)
                gap = 0
            raw += struct.pack("<H", code << 10 | gap)
        text = b"(" + name.encode()
        raw += (
            struct.pack("<HH", 62 << 10 | 1, 63 << 10 | len(text)) + text + b"\0" * (len(text) % 2)
        )
    return raw + b"\0\0"


def write_record(folder, name, samples, rhythm, rate=250, gain="200"):
    lines = [f"{name} 2 {rate} {len(samples)} 9:00:00"]
    lines += [f"{name}.dat 212 {gain} 12 0 -43 -8281 0 ECG{c}" for c in (1, 2)]
    (folder / f"{name}.hea").write_text("# made up\n" + "\n".join(lines) + "\n")
    (folder / f"{name}.dat").write_bytes(packed(samples))
    (folder / f"{name}.atr").write_bytes(annotated(rhythm))
