"""VNE: the von Neumann entropy of a representation, which is large if its spectrum is flat.

Kim, Kang, Hwang, Shin, Rhee: "VNE: An Effective Method for Improving Deep Representation by
Manipulating Eigenvalue Distribution", CVPR 2023, arXiv 2304.01434.
Deviation from jaeill/CVPR23-VNE@c63961b (singular values, nansum): eigenvalues of the smaller Gram
matrix, clamped. The value differs by less than 1e-6; the gradient stays finite at collapse, where
theirs is NaN.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["von_neumann_entropy"]


@full_precision
def von_neumann_entropy(z: Float[Tensor, "*V B D"]) -> Float[Tensor, "*V"]:
    """Return S = -sum_j lambda_j ln lambda_j of the eigenvalues of Z^T Z / N, Z of unit rows.

    N counts the rows of all ranks; every rank returns the entropy of the joined batch. It lies
    between 0 (all rows parallel) and ln min(N, D). Leading axes are separate batches.

    >>> round(float(von_neumann_entropy(torch.eye(4)).exp()), 4)  # four orthogonal rows
    4.0
    """
    z = F.normalize(z, dim=-1, eps=1e-6)
    rows, columns = z.shape[-2] * distributed.world_size(), z.shape[-1]
    # Both Gram matrices have the same non-zero eigenvalues: take the smaller.
    if rows < columns:
        z = distributed.gather(z.movedim(-2, 0)).movedim(0, -2)
        gram = z @ z.mT
    else:
        gram = distributed.total(z.mT @ z)
    # ln has an infinite gradient at 0: clamping gives the null space none.
    eigenvalue = torch.linalg.eigvalsh(gram / rows).clamp(min=1e-12)
    return -(eigenvalue * eigenvalue.log()).sum(-1)
