"""Forward and backward of the losses: CPU time on one thread.

*lightly* is the loss of that package. *d x d* is the von Neumann entropy from the d x d
autocorrelation matrix instead of the smaller of both Gram matrices. Agreement is the largest
relative difference between the gradients in float64. Memory is the most that tensors hold at once
in addition to the arguments, and in brackets what autograd keeps between forward and backward, in
MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from costs import peak_bytes, saved_bytes
from lightly.loss import BarlowTwinsLoss, SwaVLoss  # pyright: ignore[reportMissingImports]
from page import Row, megabytes
from torch import Tensor
from windows import alternate

from manyviews.losses.barlow_twins import barlow_twins
from manyviews.losses.swav import sinkhorn, swapped_prediction
from manyviews.losses.vne import von_neumann_entropy

Loss = Callable[..., Tensor]
BARLOW = ((64, 512), (256, 2048), (256, 8192), (1024, 2048))
HEADLINE = (256, 8192)
SWAV = ((2, 256, 512), (8, 256, 3000))
VNE = ((256, 512), (256, 2048))


def rows(windows: int) -> Iterator[Row]:
    """Compare Barlow Twins over N and d, SwAV with Sinkhorn, and VNE from either Gram matrix."""
    for n, d in BARLOW:
        few = windows if d < 8192 else min(windows, 5)  # lightly takes seconds
        goal = ("at least", 10.0) if (n, d) == HEADLINE else None
        sides = {"lightly": BarlowTwinsLoss(lambda_param=0.0051), "manyviews": barlow}
        yield compared(f"Barlow Twins, N {n}, d {d}", sides, [(n, d)] * 2, few, goal)
    for v, n, k in SWAV:
        sides = {"lightly": swav_of_lightly, "manyviews": swav}
        yield compared(f"SwAV and Sinkhorn, {v} views, N {n}, K {k}", sides, [(v, n, k)], windows)
    for n, d in VNE:
        few = windows if d < 2048 else min(windows, 5)
        sides = {"d x d": full_entropy, "manyviews": von_neumann_entropy}
        yield compared(f"VNE, N {n}, d {d}", sides, [(n, d)], few)


def barlow(z1: Tensor, z2: Tensor) -> Tensor:
    """Return the loss of eq. 1 with the weight of the official code."""
    parts = barlow_twins(z1, z2, redundancy_weight=0.0051)
    return parts.invariance + parts.redundancy


def swav(scores: Tensor) -> Tensor:
    """Return SwAV's loss: all views predict the codes of the first two."""
    scores = scores.tanh()
    codes = torch.stack([sinkhorn(s, epsilon=0.05, iterations=3) for s in scores[:2].detach()])
    return swapped_prediction(scores, codes, temperature=0.1)


def swav_of_lightly(scores: Tensor) -> Tensor:
    """Return the same loss by lightly."""
    large, small = scores.tanh().tensor_split([2])
    return SwaVLoss()([*large], [*small])


def full_entropy(z: Tensor) -> Tensor:
    """Return the von Neumann entropy from the d x d autocorrelation."""
    z = torch.nn.functional.normalize(z, dim=1, eps=1e-6)
    eigenvalue = torch.linalg.eigvalsh(z.mT @ z / len(z)).clamp(min=1e-12)
    return -(eigenvalue * eigenvalue.log()).sum()


def compared(
    case: str,
    sides: dict[str, Loss],
    shapes: list[tuple[int, ...]],
    windows: int,
    goal: tuple[str, float] | None = None,
) -> Row:
    """Compare two losses on the same random arguments."""
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    work = {name: backward(loss, given) for name, loss in sides.items()}
    found = alternate(work, windows=windows)
    first, second = sides
    peaks = [megabytes(peak_bytes(w)) for w in work.values()]
    kept = [megabytes(_saved(loss, given)) for loss in sides.values()]
    return Row(
        case,
        first,
        second,
        "ms",
        (found[first], found[second]),
        f"gradient {difference(sides[first], sides[second], given):.0e}",
        " / ".join(f"{p} ({k})" for p, k in zip(peaks, kept, strict=True)),
        goal,
    )


def backward(loss: Loss, given: list[Tensor]) -> Callable[[], object]:
    """Return a function that does forward and backward once."""

    def work() -> None:
        torch.autograd.grad(loss(*given).sum(), given)

    return work


def _saved(loss: Loss, given: list[Tensor]) -> int:
    return saved_bytes(lambda: loss(*given))


def difference(first: Loss, second: Loss, given: list[Tensor]) -> float:
    """Return the largest difference between gradients in float64, relative to the largest one."""
    wide = [g.detach().double().requires_grad_() for g in given]
    a, b = (torch.autograd.grad(loss(*wide).sum(), wide) for loss in (first, second))
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(a, b, strict=True))
