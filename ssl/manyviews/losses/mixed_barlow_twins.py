"""Mixed Barlow Twins: the embedding of a mixture of two images should be the mixture of theirs.

Bandara, De Melo, Patel: "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023, arXiv
2312.02151. Values equal wgcban/mix-bt: its code for small data sets and, with `imagenet_compat`,
its code for ImageNet. Deviation: 1e-10 is added to the variances; without it a constant column
would be divided by 0.
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
    """Return the two parts of Barlow Twins, with variances over N - 1 rows as in this paper's code.

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        redundancy_weight: lambda.
        ddp: see `barlow_twins`.
    """
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
    """Return ||C_1 - G_1||^2 + ||C_2 - G_2||^2, C_v = m^T z_v / N, on standardised columns.

    The target G_v is C_v of the mixed embeddings share z1 + (1 - share) z2[order] in place of m. So
    with the residual R = m - share z1 - (1 - share) z2[order] the loss is
    ||R^T z1 / N||^2 + ||R^T z2 / N||^2: two products instead of six. It is 0 if the embedding of
    the mixture is the mixture of the embeddings. Gradient flows into the targets, too, as in the
    official code.

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        mixed: m, raw projections of the images share * view 1 + (1 - share) * view 2 [order].
        share: alpha, one number for the batch.
        order: pi, the row whose second view is mixed into each row, for the global batch; with
            ddp="paper" for this rank's rows.
        imagenet_compat: True takes z2^T z2 in G_2 where the paper has z1^T z2, as in the code for
            ImageNet.
        ddp: see `barlow_twins`.
    """
    z1, z2, mixed = (_standardize(z, ddp) for z in (z1, z2, mixed))
    # A row's partner may lie on another rank.
    partner = distributed.local_rows(distributed.gather(z2)[order]) if ddp == "exact" else z2[order]
    first, second = (mixed - share * z - (1 - share) * partner for z in (z1, z2))
    # R^T z_2 with the residual against view 1 gives the paper's z1^T z2 in G_2.
    return energy(first, z1, ddp=ddp) + energy(second if imagenet_compat else first, z2, ddp=ddp)


def _standardize(z: Float[Tensor, "B P"], ddp: DDP) -> Float[Tensor, "B P"]:
    """Return columns of mean 0 and variance 1 over N - 1 rows."""
    return standardize(z, eps=EPS, synchronised=ddp == "exact", unbiased=True)
