"""I-VNE+: the invariance half of its loss, the agreement of many views.

Kim, Kang, Hwang, Shin, Rhee: "VNE: An Effective Method for Improving Deep Representation by
Manipulating Eigenvalue Distribution", CVPR 2023, arXiv 2304.01434.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews.losses.precision import full_precision

__all__ = ["mean_cosine"]

LARGE = 2  # number of large views; each is compared with all views after it


@full_precision
def mean_cosine(z: Float[Tensor, "V B P"]) -> Float[Tensor, ""]:
    """Return the mean cosine of the view pairs (0, 1..V-1) and (1, 2..V-1), over this rank's rows.

    Gradient flows into both sides of a pair. The value lies between -1 and 1; collapse gives 1.

    Args:
        z: raw projections of this rank's rows, the two large views first.
    """
    z = F.normalize(z, dim=2)
    pairs = [(z[a] * z[b]).sum(1).mean() for a in range(LARGE) for b in range(a + 1, len(z))]
    return torch.stack(pairs).mean()
