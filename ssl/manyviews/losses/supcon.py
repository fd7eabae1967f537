"""Supervised contrastive loss: every row of the same class is a positive.

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
    """Mean over rows of -mean_p log softmax of the positive p among all other rows (eq. 2).

    Positives are the other views of the row and all views of rows with its label, on all ranks. The
    loss is that of this rank's rows; its mean over ranks is that of the joined batch.

    Args:
        z: raw projections, two views or more.
        label: class of each row.
        temperature: tau; 0.1 in the paper.
    """
    views, rows = z.shape[:2]
    anchors = F.normalize(z, dim=2).transpose(0, 1)  # rows first: ranks are joined along them
    keys = distributed.gather(anchors)
    label_of_keys = distributed.gather(label).repeat_interleave(views)
    same = label.repeat_interleave(views)[:, None] == label_of_keys
    first = distributed.rank() * rows * views
    itself = torch.arange(first, first + rows * views, device=z.device)
    mask = F.one_hot(itself, len(label_of_keys)).bool()
    logits = anchors.flatten(0, 1) @ keys.flatten(0, 1).mT / temperature
    log_share = logits - logits.masked_fill(mask, -torch.inf).logsumexp(1, keepdim=True)
    positive = (same & ~mask).to(z.dtype)
    return -((log_share * positive).sum(1) / positive.sum(1)).mean()
