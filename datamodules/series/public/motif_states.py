"""Synthetic recordings with known states, which differ only in the shape of recurring motifs.

A state is a set of short motifs. States come in pairs: the motifs of the second are those of the
first reversed in time. Both have the same values and the same spectrum, so that only the order in
time tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import lfilter
from torch import Tensor

from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import windowed

STATES, CHANNELS = 5, 3
MOTIF, STEPS = 24, 4096  # steps of a motif, and of each user's recording
DWELL = 384, 767  # fewest and most steps that a state lasts
# Spread between users (tempo, gain and offset) and between motifs (amplitude).
TEMPO, GAIN, OFFSET, AMPLITUDE = 0.05, 0.1, 0.2, 0.1
MEMORY = 0.7  # AR(1) coefficient of the noise
RATE = 50.0  # Hz; an arbitrary rate, so that durations can be typed

Bank = Float[np.ndarray, "S M L C"]


@dataclass(frozen=True)
class MotifStates:
    """The recordings of all users and their ground truth: where each of the P motifs lies.

    Attributes:
        recordings: one per user; the label is the state at every step.
        bank: float64 (S, M, L, C), the M motifs of every state.
        motif: int64 (P,), index of each motif among those of its state.
        start: int64 (P,), first step in the flat array; the label there is the state.
        length: int64 (P,), steps of each motif, which depend on the tempo of the user.
    """

    recordings: Recordings
    bank: Bank
    motif: Int64[Tensor, " P"]
    start: Int64[Tensor, " P"]
    length: Int64[Tensor, " P"]


# The last users are the test split, so `by`, `test` and `norm` are no options.
@windowed(window=128, by=None, fixed=("by", "test", "norm"))
def motif_states(
    bank: int = 0,
    seed: int = 0,
    train_users: int = 16,
    test_users: int = 8,
    noise: float = 0.2,
    motifs: int = 2,
    gap: Sequence[int] = (4, 19),
) -> Recordings:
    """Return one recording per user; the last users are the test split.

    Args:
        bank: seed of the motifs.
        seed: seed of everything else.
        train_users: number of users in the training split.
        test_users: number of users in the test split.
        noise: standard deviation of the noise; a motif has a root mean square of 1.
        motifs: motifs of each state.
        gap: fewest and most steps between two motifs.
    """
    recordings = generate(
        bank=bank, seed=seed, users=train_users + test_users, noise=noise, motifs=motifs, gap=gap
    ).recordings
    return replace(recordings, test_subjects=recordings.subjects[train_users:])


def generate(
    *, bank: int, seed: int, users: int, noise: float, motifs: int, gap: Sequence[int]
) -> MotifStates:
    """Return recordings and ground truth; the arguments are those of `motif_states`."""
    shapes = motif_bank(np.random.default_rng(bank), motifs)
    rng = np.random.default_rng([bank, seed])
    parts, placed = zip(*(_user(rng, shapes, u, noise, gap) for u in range(users)), strict=True)
    motif, start, length = np.concatenate(
        [p + np.array([[0], [u * STEPS], [0]]) for u, p in enumerate(placed)], 1
    )
    recordings = join(
        parts,
        rate=RATE,
        channels=tuple("xyz"),
        classes=tuple(f"state {s}" for s in range(STATES)),
    )
    return MotifStates(recordings, shapes, *map(torch.from_numpy, (motif, start, length)))


def motif_bank(rng: np.random.Generator, motifs: int) -> Bank:
    """Draw motifs: three sinusoids under a Hann window, with mean 0 and root mean square 1."""
    shape = (STATES, motifs, 3, 1, CHANNELS)
    period = np.arange(1, 4)[:, None, None] * np.arange(MOTIF)[:, None] / MOTIF
    phase = rng.uniform(0, 2 * np.pi, shape)
    waves = (rng.normal(size=shape) * np.sin(2 * np.pi * period + phase)).sum(2)
    tapered = waves * np.hanning(MOTIF + 2)[1:-1, None]
    centred = tapered - tapered.mean(2, keepdims=True)
    bank = centred / np.sqrt((centred**2).mean(2, keepdims=True))
    bank[1::2] = bank[
        : STATES - 1 : 2, :, ::-1
    ]  # each second state is the first reversed; the fifth is alone
    return bank


def _user(
    rng: np.random.Generator, bank: Bank, number: int, noise: float, gap: Sequence[int]
) -> tuple[Recording, Int64[np.ndarray, "3 P"]]:
    """Draw the recording of one user, with index, start and length of every motif in it."""
    shapes = _at_tempo(bank, 1 + rng.uniform(-TEMPO, TEMPO))
    state, begins = _bouts(rng)
    ends = np.append(begins[1:], STEPS)
    label = np.repeat(state, ends - begins)
    length = shapes.shape[2]
    bouts = zip(begins.tolist(), ends.tolist(), strict=True)
    start = np.concatenate([_starts(rng, *bout, length, gap) for bout in bouts])
    motif = rng.integers(bank.shape[1], size=len(start))
    amplitude = 1 + AMPLITUDE * rng.normal(size=(len(start), 1, 1))
    value = np.zeros((STEPS, CHANNELS))
    value[start[:, None] + np.arange(length)] = amplitude * shapes[label[start], motif]
    value = value * np.exp(GAIN * rng.normal(size=CHANNELS)) + OFFSET * rng.normal(size=CHANNELS)
    value += noise * _ar1(rng, value.shape)
    name = f"user {number}"
    made = Recording(torch.from_numpy(value), torch.from_numpy(label), name, name)
    return made, np.stack([motif, start, np.full_like(start, length)])


def _at_tempo(bank: Bank, tempo: float) -> Float[np.ndarray, "S M l C"]:
    """Stretch or shrink the motifs by linear interpolation."""
    length = round(MOTIF * tempo)
    where = np.linspace(0, MOTIF - 1, length)
    left = np.minimum(where.astype(int), MOTIF - 2)
    share = (where - left)[:, None]
    return bank[:, :, left] * (1 - share) + bank[:, :, left + 1] * share


def _bouts(rng: np.random.Generator) -> tuple[Int64[np.ndarray, " B"], Int64[np.ndarray, " B"]]:
    """Draw state and first step of every bout; no state follows itself."""
    most = STEPS // DWELL[0] + 1
    jumps = rng.integers(1, STATES, size=most)
    state = (rng.integers(STATES) + np.cumsum(jumps)) % STATES
    dwell = rng.integers(DWELL[0], DWELL[1] + 1, size=most)
    begins = np.cumsum(dwell) - dwell
    inside = begins < STEPS
    return state[inside], begins[inside]


def _starts(
    rng: np.random.Generator, begin: int, end: int, length: int, gap: Sequence[int]
) -> Int64[np.ndarray, " P"]:
    """Draw the first steps of motifs between two steps of the recording, with a gap before each."""
    most = (end - begin) // (length + gap[0]) + 1
    gaps = rng.integers(gap[0], gap[1] + 1, size=most)
    start = begin + np.cumsum(gaps + length) - length
    return start[start + length <= end]


def _ar1(rng: np.random.Generator, shape: tuple[int, int]) -> Float[np.ndarray, "S C"]:
    """Draw AR(1) noise of unit variance."""
    fresh = rng.normal(size=shape)
    # keeps the variance at 1; the first step has no predecessor
    fresh[1:] *= np.sqrt(1 - MEMORY**2)
    return np.asarray(lfilter([1], [1, -MEMORY], fresh, axis=0))
