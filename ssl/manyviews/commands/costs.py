"""The command `manyviews costs`: size, operations and speed of backbones on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import torch
from jaxtyping import Float
from rich.table import Table
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from manyviews.backbones import registry
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.sizes import suggest_sizes
from manyviews.errors import ConfigError
from manyviews.hardware import resolve_accelerator, resolve_precision

MOST = 40  # backbones in one table
BATCH = 32  # inputs of a timed batch
SECONDS = 1.0  # least duration of each timing, with at least three repetitions


class Costs(NamedTuple):
    """Measured cost of one backbone.

    Attributes:
        parameters: number of parameters.
        embedding_dim: dimension D of the embedding.
        gflops: billions of floating-point operations of the forward pass for one input; a
            multiplication and an addition count as two.
        forward: inputs per second, forward in evaluation mode.
        training: inputs per second, forward and backward in training mode.
    """

    parameters: int
    embedding_dim: int
    gflops: float
    forward: float
    training: float


def table(pattern: str, size: int, channels: int) -> tuple[Table, list[str]]:
    """Return a table with a row per backbone, and a sentence for each that cannot read the size.

    Args:
        pattern: names of backbones, with wildcards.
        size: side of square images in pixels, or length of series in steps.
        channels: channels of the input.

    Raises:
        ConfigError: the pattern matches no backbone or too many, or a number is below 1.
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
            cost = measure(name, size, channels)
        except ConfigError as error:
            skipped.append(f"{name} is left out: {error}")
            continue
        made.add_row(
            name,
            f"{cost.parameters:,}",
            str(cost.embedding_dim),
            f"{cost.gflops:.3g}",
            *(
                f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
                for rate in (cost.forward, cost.training)
            ),
        )
    return made, skipped


def _names(pattern: str, size: int, channels: int) -> list[str]:
    """Check the arguments of `table` and return the names of its backbones."""
    if min(size, channels) < 1:
        raise ConfigError(f"--size {size} --channels {channels}; both must be 1 or more")
    names = registry.available(pattern)
    if not names:
        raise ConfigError(f"no backbone is called '{pattern}'; see `manyviews list backbones`")
    if len(names) > MOST:
        raise ConfigError(
            f"'{pattern}' names {len(names)} backbones, at most {MOST} are measured at once; "
            f"narrow it, for example '{names[0][:-1]}*'"
        )
    return names


def _machine() -> tuple[str, str]:
    """Return the device and the precision that `trainer=auto` chooses."""
    device = resolve_accelerator("auto")
    return device, resolve_precision(device, "auto")


def measure(name: str, size: int, channels: int) -> Costs:
    """Measure the cost of a backbone for square images of this side, or series of this length.

    Raises:
        ConfigError: the backbone cannot read inputs of this size.
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
    if precision == "bf16-mixed" and backbone.reads == "images":  # the layout of training
        backbone.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        images = images.to(memory_format=torch.channels_last)
    backbone, images = backbone.to(kind), images.to(kind)

    def forward() -> Float[Tensor, "N D"]:
        """Return the embeddings in the precision of training."""
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
    """Count the operations of a forward pass, in billions."""
    # With attention as plain matrix products, as the counter misses some fused kernels.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        backbone.eval()(image)
    return counter.get_total_flops() / 1e9


def _rate(work: Callable[[], object]) -> float:
    """Return inputs per second: the median over several batches, after one to warm up."""
    times: list[float] = []
    _duration(work)
    while len(times) < 3 or sum(times) < SECONDS:
        times.append(_duration(work))
    return BATCH / statistics.median(times)


def _duration(work: Callable[[], object]) -> float:
    """Return the seconds that one batch takes."""
    start = perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # a GPU works asynchronously
    return perf_counter() - start
