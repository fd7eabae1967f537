"""Mixed Barlow Twins: a mixture of two images correlates as the mixture of their embeddings.

Bandara, De Melo, Patel: "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023, arXiv
2312.02151. Values equal wgcban/mix-bt, its small-data code and with `imagenet_compat` its ImageNet
code. Deviation: 1e-10 is added to the variances, which are without it 0 for a dead column.
"""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

from manyviews import distributed
from manyviews.losses.barlow_twins import (
    DDP,
    BarlowTwinsLoss,
    correlation_parts,
    energy,
    standardize,
)
from manyviews.losses.precision import full_precision

__all__ = ["mixup_redundancy", "unbiased_barlow_twins"]

EPS = 1e-10


@full_precision
def unbiased_barlow_twins(
    z1: Float[Tensor, "B P"],
    z2: Float[Tensor, "B P"],
    *,
    redundancy_weight: float,
    ddp: DDP = "exact",
) -> BarlowTwinsLoss:
    """Barlow Twins' two parts with standard deviations over N - 1, as this paper's code."""
    z1, z2 = (_standardize(z, ddp) for z in (z1, z2))
    return correlation_parts(z1, z2, redundancy_weight=redundancy_weight, ddp=ddp)


@full_precision
def mixup_redundancy(
    z1: Float[Tensor, "B P"],
    z2: Float[Tensor, "B P"],
    mixed: Float[Tensor, "B P"],
    share: float | Float[Tensor, ""],
    order: Int64[Tensor, " N"],
    *,
    imagenet_compat: bool = False,
    ddp: DDP = "exact",
) -> Float[Tensor, ""]:
    """||C_m1 - G_1||^2 + ||C_m2 - G_2||^2, where C_mv correlates the mixture with view v.

    With R = m - share z1 - (1 - share) z2[order] on standardised columns, this is
    ||R^T z1 / N||^2 + ||R^T z2 / N||^2: two products instead of the six of the correlations and
    their targets. Gradient flows into the targets, too, as in the official code. 0 where the
    mixture's embedding is the mixture of the embeddings.

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        mixed: raw projections of share * view 1 + (1 - share) * view 2 [order].
        share: alpha, one number for the batch.
        order: pi, partner of every row of the global batch; under ddp="paper" of the local rows.
        imagenet_compat: z2^T z2 in G_2 where the paper has z1^T z2, as the ImageNet code.
        ddp: see `barlow_twins`.
    """
    z1, z2, mixed = (_standardize(z, ddp) for z in (z1, z2, mixed))
    partner = distributed.share(distributed.gather(z2)[order]) if ddp == "exact" else z2[order]
    first, second = (mixed - share * z - (1 - share) * partner for z in (z1, z2))
    return energy(first, z1, ddp=ddp) + energy(second if imagenet_compat else first, z2, ddp=ddp)


def _standardize(z: Float[Tensor, "B P"], ddp: DDP) -> Float[Tensor, "B P"]:
    return standardize(z, eps=EPS, synchronised=ddp == "exact", unbiased=True)
