"""Made-up recordings whose states are known: motifs that recur, told apart by shape alone.

A state is a set of short motifs. States come in twins, the motifs of the second being those of the
first reversed in time: both have the same values and the same spectrum, so that only what follows
what tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import lfilter
from torch import Tensor

from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import SeriesSplits, split

STATES, CHANNELS, MOTIF, STEPS = 5, 3, 24, 4096  # STEPS: of each user
DWELL = 384, 767  # steps that a state lasts
TEMPO, GAIN, OFFSET, AMPLITUDE = 0.05, 0.1, 0.2, 0.1  # how users and motifs differ
MEMORY = 0.7  # of the noise
RATE = 50.0  # Hz, so that durations can be typed

Bank = Float[np.ndarray, "S M L C"]


@dataclass(frozen=True)
class MotifStates:
    """The recordings of all users, and what they are made of; P motifs in all.

    Attributes:
        recordings: one per user, labelled with the state at every step.
        bank: the motifs of every state, float64 (S, M, L, C).
        motif: int64 (P,), which of its state's motifs each one is.
        start: int64 (P,), its first step in the flat array; its state is the label there.
        length: int64 (P,), its steps, as long as its user's tempo makes it.
    """

    recordings: Recordings
    bank: Bank
    motif: Int64[Tensor, " P"]
    start: Int64[Tensor, " P"]
    length: Int64[Tensor, " P"]


def motif_states(
    bank: int = 0,
    seed: int = 0,
    train_users: int = 16,
    test_users: int = 8,
    noise: float = 0.2,
    motifs: int = 2,
    gap: Sequence[int] = (4, 19),
    window: int | str = 128,
    stride: int | str | None = None,
    min_purity: float = 1.0,
) -> SeriesSplits:
    """The data set: windows of the users, the last of them held out.

    Args:
        bank: seed of the motifs.
        seed: of everything else.
        train_users: users of the training split.
        test_users: users that training does not see.
        noise: standard deviation of the noise; a motif has root mean square 1.
        motifs: of each state.
        gap: fewest and most steps between two motifs.
        window: see `split`, as the rest.
        stride: steps, a duration, or null.
        min_purity: share of a window's steps that must be of one state.
    """
    made = generate(
        bank=bank, seed=seed, users=train_users + test_users, noise=noise, motifs=motifs, gap=gap
    )
    return split(
        made.recordings,
        "motif_states",
        window=window,
        stride=stride,
        min_purity=min_purity,
        test=list(made.recordings.subjects[train_users:]),
    )


def generate(
    *, bank: int, seed: int, users: int, noise: float, motifs: int, gap: Sequence[int]
) -> MotifStates:
    """The recordings and their ground truth; the arguments are those of `motif_states`."""
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
    """Sums of three sinusoids under a Hann window, zero mean and unit root mean square."""
    shape = (STATES, motifs, 3, 1, CHANNELS)
    period = np.arange(1, 4)[:, None, None] * np.arange(MOTIF)[:, None] / MOTIF
    phase = rng.uniform(0, 2 * np.pi, shape)
    waves = (rng.normal(size=shape) * np.sin(2 * np.pi * period + phase)).sum(2)
    tapered = waves * np.hanning(MOTIF + 2)[1:-1, None]
    centred = tapered - tapered.mean(2, keepdims=True)
    bank = centred / np.sqrt((centred**2).mean(2, keepdims=True))
    bank[1::2] = bank[: STATES - 1 : 2, :, ::-1]  # the twins; the last state has none
    return bank


def _user(
    rng: np.random.Generator, bank: Bank, number: int, noise: float, gap: Sequence[int]
) -> tuple[Recording, Int64[np.ndarray, "3 P"]]:
    """One user's recording, and motif, start and length of all that is in it."""
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
    """The same motifs, a little longer or shorter."""
    length = round(MOTIF * tempo)
    where = np.linspace(0, MOTIF - 1, length)
    left = np.minimum(where.astype(int), MOTIF - 2)
    share = (where - left)[:, None]
    return bank[:, :, left] * (1 - share) + bank[:, :, left + 1] * share


def _bouts(rng: np.random.Generator) -> tuple[Int64[np.ndarray, " B"], Int64[np.ndarray, " B"]]:
    """State and first step of every bout; no state follows itself."""
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
    """First steps of the motifs that fit between two steps, with gaps before each."""
    most = (end - begin) // (length + gap[0]) + 1
    gaps = rng.integers(gap[0], gap[1] + 1, size=most)
    start = begin + np.cumsum(gaps + length) - length
    return start[start + length <= end]


def _ar1(rng: np.random.Generator, shape: tuple[int, int]) -> Float[np.ndarray, "S C"]:
    """Noise of unit variance that remembers a share of the step before."""
    fresh = rng.normal(size=shape)
    fresh[1:] *= np.sqrt(1 - MEMORY**2)
    return np.asarray(lfilter([1], [1, -MEMORY], fresh, axis=0))
