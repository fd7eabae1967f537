"""SupCon: a contrastive loss in which all rows of the same class are positives.

Khosla et al.: "Supervised Contrastive Learning", NeurIPS 2020, arXiv 2004.11362, eq. 2 (L_out).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["supcon"]


@full_precision
def supcon(
    z: Float[Tensor, "V B P"], label: Int64[Tensor, " B"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return the mean over rows i of -mean_p log(e^(z_i z_p) / sum_{a != i} e^(z_i z_a)) (eq. 2).

    The products are cosines over tau, p runs over the positives of row i and a over all other rows,
    of all views and ranks. The positives are the other views of the row and all views of the rows
    with its label. The loss is that of this rank's rows; its mean over ranks is the loss of the
    joined batch.

    Args:
        z: raw projections of two or more views.
        label: class of each row.
        temperature: tau; 0.1 in the paper.
    """
    views, rows = z.shape[:2]
    anchors = F.normalize(z, dim=2).transpose(0, 1)  # rows first: ranks are joined along them
    keys = distributed.gather(anchors)
    label_of_keys = distributed.gather(label).repeat_interleave(views)
    same = label.repeat_interleave(views)[:, None] == label_of_keys
    first = distributed.rank() * rows * views
    # A row is neither its own positive nor part of its denominator.
    itself = torch.arange(first, first + rows * views, device=z.device)
    mask = F.one_hot(itself, len(label_of_keys)).bool()
    logits = anchors.flatten(0, 1) @ keys.flatten(0, 1).mT / temperature
    log_share = logits - logits.masked_fill(mask, -torch.inf).logsumexp(1, keepdim=True)
    positive = (same & ~mask).to(z.dtype)
    return -((log_share * positive).sum(1) / positive.sum(1)).mean()
