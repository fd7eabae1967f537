"""Damages files: cut, flipped, doubled, junk, and odd words in place of others."""

import re

import numpy as np

WORDS = [
    "", " ", "nan", "NaN", "?", "inf", "-inf", "1e400", "1e39", "-1", "0", "1_0", "0x10", "1,5",
    "None", "'", '"', "@", "@data", ":", ",", ";", "\0", "\ufeff", "caf\u00e9", "9" * 5000,
    "9" * 30, "\u0661", "{", "}", "\\n", "\r", "\n\n", "true", "walk ", "\u2028", "\x0b", "%", "#",
]  # fmt: skip


def damaged(raw, seed):
    """Return damaged bytes; each seed damages in its own way."""
    rng = np.random.default_rng(seed)
    a, b = sorted(rng.integers(0, len(raw) + 1, 2).tolist())
    kinds = [
        lambda: raw[:a],
        lambda: raw[a:],
        lambda: raw[:a] + raw[b:],
        lambda: raw[:b] + raw[a:],
        lambda: _flipped(raw, rng, 1),
        lambda: _flipped(raw, rng, 20),
        lambda: raw[:a] + rng.bytes(b - a) + raw[b:],
        lambda: raw[:a] + rng.bytes(7) + raw[a:],
        lambda: rng.bytes(int(rng.integers(0, 300))),
        lambda: raw.decode("utf-8", "replace").encode(
            ["utf-16", "utf-32", "cp037"][seed % 3], "replace"
        ),
    ]
    return kinds[seed % len(kinds)]()


def with_odd_word(text, seed):
    """Return the bytes of a text in which one word, number or sign is another."""
    rng = np.random.default_rng(seed)
    found = [*re.finditer(r"[\w.+-]+|[^\w\s]|\n", text)]
    place = found[rng.integers(len(found))]
    word = WORDS[seed % len(WORDS)]
    return (text[: place.start()] + word + text[place.end() :]).encode()


def _flipped(raw, rng, count):
    """Return the bytes with some bits flipped."""
    changed = bytearray(raw)
    for at in rng.integers(0, len(raw), count).tolist():
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)
