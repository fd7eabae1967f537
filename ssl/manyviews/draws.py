"""Randomness as a function of what it belongs to, never a saved state.

Every number is a hash of (seed, epoch, position, view, purpose, slot): it does not depend on batch
size, worker count, device, number of ranks or on what was drawn before, so a resumed run continues
with the same numbers and any view of any sample can be shown again.
The mixing step is the finaliser of SplitMix64 (Steele, Lea, Flood, 2014) on wrapping int64 tensors.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import chain

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # odd constants of SplitMix64, as signed 64-bit numbers
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def _shift(x: Tensor, bits: int) -> Tensor:
    # int64's >> keeps the sign; the mask makes it the logical shift of unsigned arithmetic.
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


def _absorb(state: Tensor, value: Tensor | int) -> Tensor:
    return _mix((state ^ value) + _GOLDEN)


def _signed(value: int) -> int:
    """`value` modulo 2**64 as a signed 64-bit number."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _key(seed: int, epoch: int, view: int, purpose: str) -> int:
    """The same hash of four numbers, on plain integers: no tensor, no wait for a device."""
    state = 0
    for value in (seed, epoch, view, zlib.crc32(purpose.encode())):
        state = ((state ^ value) + _GOLDEN) & _MASK
        state = (state ^ (state >> 30)) * _MIX_1 & _MASK
        state = (state ^ (state >> 27)) * _MIX_2 & _MASK
        state ^= state >> 31
    return _signed(state)


def uniform(
    seed: int, epoch: int, position: Int64[Tensor, " B"], view: int, purpose: str, count: int
) -> Float[Tensor, "B {count}"]:
    """Float32 numbers in [0, 1), `count` per row, bitwise equal on every device.

    Args:
        seed: of the run.
        epoch: 0-based.
        position: row of each sample in its data set; the draws live on its device.
        view: which view of the sample.
        purpose: what the numbers are for ("crop", "flip", ...); purposes are independent.
        count: numbers per sample.
    """
    return uniforms(seed, epoch, position, [(view, purpose, count)])[0]


def uniforms(
    seed: int, epoch: int, position: Int64[Tensor, " B"], wanted: Sequence[tuple[int, str, int]]
) -> list[Float[Tensor, "B _"]]:
    """`uniform` for each (view, purpose, count), all in the calls that one takes."""
    counts = [count for *_, count in wanted]
    keys = [[_key(seed, epoch, v, purpose)] * count for v, purpose, count in wanted]
    slots = [*chain(*map(range, counts))]
    # One small copy to the device; everything else happens where `position` lives.
    key, slot = torch.tensor([[*chain(*keys)], slots], dtype=torch.int64, device=position.device)
    state = _absorb(_absorb(position[:, None], key), slot)
    return [*(_shift(state, 40).float() * 2.0**-24).split(counts, 1)]  # 24 bits: exact in float32


def permutation(
    seed: int, epoch: int, count: int, purpose: str = "permutation"
) -> Int64[Tensor, " {count}"]:
    """The order of an epoch: a permutation of 0..count-1 that depends on (seed, epoch) alone.

    For another purpose the second number may be the optimizer step.
    """
    key = _key(seed, epoch, 0, purpose)
    hashes = _absorb(torch.arange(count, dtype=torch.int64), key)
    return torch.argsort(hashes, stable=True)


def step_seed(seed: int, step: int, rank: int) -> int:
    """Seed of the torch generators at one step: noise inside the model needs no saved state."""
    return (_key(seed, step, rank, "step") & _MASK) >> 1
