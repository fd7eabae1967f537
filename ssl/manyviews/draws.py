"""Random numbers without a generator: each is a hash of what it is drawn for.

A number depends on (seed, epoch, position, view, purpose, slot) alone, not on batch size, workers,
device, ranks or earlier draws. So a resumed run continues with the same numbers, and any view of
any sample can be made again. The hash mixes with the finaliser of SplitMix64 (Steele, Lea, Flood,
2014); int64 tensors wrap around as its unsigned integers do.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import chain

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_MASK = (1 << 64) - 1
# The odd constants of SplitMix64, as signed 64-bit numbers.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def _shift(x: Int64[Tensor, "*_"], bits: int) -> Int64[Tensor, "*_"]:
    """Shift right as unsigned integers do: with zeros, not with the sign, from the left."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Int64[Tensor, "*_"]) -> Int64[Tensor, "*_"]:
    """Return SplitMix64's finaliser: each input bit flips each output bit about half the time."""
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


def _absorb(state: Int64[Tensor, "*_"], value: Int64[Tensor, "*_"] | int) -> Int64[Tensor, "*_"]:
    """Return the hash of a state and one more number."""
    return _mix((state ^ value) + _GOLDEN)


def _signed(value: int) -> int:
    """Return `value` modulo 2**64 as a signed 64-bit number."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _key(seed: int, epoch: int, view: int, purpose: str) -> int:
    """Return the hash of four numbers; on plain integers, so that nothing waits for a device."""
    state = 0
    # `_absorb`, written out for integers.
    for value in (seed, epoch, view, zlib.crc32(purpose.encode())):
        state = ((state ^ value) + _GOLDEN) & _MASK
        state = (state ^ (state >> 30)) * _MIX_1 & _MASK
        state = (state ^ (state >> 27)) * _MIX_2 & _MASK
        state ^= state >> 31
    return _signed(state)


def uniform(
    seed: int, epoch: int, position: Int64[Tensor, " B"], view: int, purpose: str, count: int
) -> Float[Tensor, "B {count}"]:
    """Return float32 numbers in [0, 1), `count` per row, the same bits on every device.

    Args:
        seed: the run's seed.
        epoch: the epoch, from 0; draws that belong to a step pass the optimizer step instead.
        position: row of each sample in its data set; the result is on the same device.
        view: number of the view of the sample, from 0.
        purpose: a name for the use, for example "crop"; different names give independent numbers.
        count: how many numbers per sample.
    """
    return uniforms(seed, epoch, position, [(view, purpose, count)])[0]


def uniforms(
    seed: int, epoch: int, position: Int64[Tensor, " B"], wanted: Sequence[tuple[int, str, int]]
) -> list[Float[Tensor, "B _"]]:
    """Return `uniform` for each (view, purpose, count), at the cost of a single call.

    Args:
        seed: the run's seed.
        epoch: the epoch, from 0.
        position: row of each sample in its data set.
        wanted: for each result its view, purpose and count.
    """
    counts = [count for *_, count in wanted]
    keys = [[_key(seed, epoch, v, purpose)] * count for v, purpose, count in wanted]
    slots = [*chain(*map(range, counts))]
    # One small copy to the device; everything else happens on the device of `position`.
    key, slot = torch.tensor([[*chain(*keys)], slots], dtype=torch.int64, device=position.device)
    state = _absorb(_absorb(position[:, None], key), slot)
    return [*(_shift(state, 40).float() * 2.0**-24).split(counts, 1)]  # 24 bits: exact in float32


def permutation(
    seed: int, epoch: int, count: int, purpose: str = "permutation"
) -> Int64[Tensor, " {count}"]:
    """Return a permutation of 0..count-1, on the CPU, that depends on the arguments alone.

    Args:
        seed: the run's seed.
        epoch: the epoch, from 0; for other purposes than its order, maybe the optimizer step.
        count: the length.
        purpose: a name for the use; different names give independent permutations.
    """
    key = _key(seed, epoch, 0, purpose)
    hashes = _absorb(torch.arange(count, dtype=torch.int64), key)
    return torch.argsort(hashes, stable=True)


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed for torch's generators at one step.

    Seeding before every step makes dropout and other noise inside the model repeatable, without
    a saved generator state.

    Args:
        seed: the run's seed.
        step: the optimizer step.
        rank: number of the process; each needs other noise.
    """
    # torch takes signed seeds; without the last bit they are never negative.
    return (_key(seed, step, rank, "step") & _MASK) >> 1
