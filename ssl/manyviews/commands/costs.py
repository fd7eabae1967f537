"""What backbones cost on this machine: a table of `manyviews costs`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import torch
from rich.table import Table
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from manyviews.backbones import registry
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.sizes import suggest_sizes
from manyviews.errors import ConfigError
from manyviews.hardware import resolve_accelerator, resolve_precision

MOST = 40  # backbones that one table measures
BATCH = 32
SECONDS = 1.0  # of measurement for each number, and at least three repetitions


class Costs(NamedTuple):
    """Of one backbone.

    Attributes:
        parameters: number of them.
        embedding_dim: D.
        gflops: 1e9 floating-point operations per image forward; a product and a sum are two.
        forward: images per second in evaluation mode.
        training: images per second forward and backward.
    """

    parameters: int
    embedding_dim: int
    gflops: float
    forward: float
    training: float


def table(pattern: str, size: int, channels: int) -> tuple[Table, list[str]]:
    """A row per backbone of the pattern, and a line for each that cannot take the size.

    Raises:
        ConfigError: the pattern names none, or too many; or a size or channels below 1.
    """
    names = _names(pattern, size, channels)
    device, precision = _machine()
    made = Table(
        title=f"{channels} x {size} x {size}, batches of {BATCH} on {device} in {precision}, "
        f"{torch.get_num_threads()} threads",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for column in ("backbone", "parameters", "D", "GFLOPs/image", "forward/s", "training/s"):
        left = column == "backbone"
        made.add_column(column, justify="left" if left else "right", overflow="fold")
    skipped = []
    for name in names:
        try:
            found = measure(name, size, channels)
        except ConfigError as error:
            skipped.append(f"{name} is left out: {error}")
            continue
        made.add_row(
            name,
            f"{found.parameters:,}",
            str(found.embedding_dim),
            f"{found.gflops:.3g}",
            *(f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}" for rate in found[3:]),
        )
    return made, skipped


def _names(pattern: str, size: int, channels: int) -> list[str]:
    if min(size, channels) < 1:
        raise ConfigError(f"--size {size} --channels {channels}; both must be 1 or more")
    names = registry.available(pattern)
    if not names:
        raise ConfigError(f"no backbone is called '{pattern}'; see `manyviews list backbones`")
    if len(names) > MOST:
        raise ConfigError(
            f"'{pattern}' names {len(names)} backbones, at most {MOST} are measured at once; "
            f"narrow it, as '{names[0][:-1]}*'"
        )
    return names


def _machine() -> tuple[str, str]:
    """Device and precision as `trainer=auto` takes them."""
    device = resolve_accelerator("auto")
    return device, resolve_precision(device, "auto")


def measure(name: str, size: int, channels: int) -> Costs:
    """What a backbone costs for squares of this size, or for series of this length.

    Raises:
        ConfigError: it cannot take them.
    """
    device, precision = _machine()
    kind = "cuda" if device == "gpu" else device
    backbone = registry.build(name, in_channels=channels, image_size=size)
    sides = [size] * (2 if backbone.reads == "images" else 1)
    if not backbone.takes(*sides):
        said = suggest_sizes(backbone.could_take, size, backbone.reads)
        given = f"{size} x {size} pixels" if len(sides) == 2 else f"{size} steps"
        raise ConfigError(f"{backbone.reads} of {given} do not pass; {said}")
    gflops = _gflops(backbone, torch.zeros(1, channels, *sides))
    images = torch.rand(BATCH, channels, *sides)
    if precision == "bf16-mixed" and backbone.reads == "images":  # as training lays them out
        backbone.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        images = images.to(memory_format=torch.channels_last)
    backbone, images = backbone.to(kind), images.to(kind)

    def forward() -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16-mixed"):
            return backbone(images)

    backbone.eval()
    rates = [_rate(torch.no_grad()(forward))]
    backbone.train()
    rates.append(_rate(lambda: forward().float().sum().backward()))
    held = sum(p.numel() for p in backbone.parameters())
    return Costs(held, backbone.embedding_dim, gflops, *rates)


@torch.no_grad()
def _gflops(backbone: Backbone, image: Tensor) -> float:
    # Attention as plain products: some fused kernels are not counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        backbone.eval()(image)
    return counter.get_total_flops() / 1e9


def _rate(work: Callable[[], object]) -> float:
    """Images per second: the median of some batches behind a first one."""
    times: list[float] = []
    _timed(work)
    while len(times) < 3 or sum(times) < SECONDS:
        times.append(_timed(work))
    return BATCH / statistics.median(times)


def _timed(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter() - begun
