"""One file per loss: pure functions of tensors that know nothing of Lightning."""

from manyviews.losses.barlow_twins import BarlowTwinsLoss, barlow_twins
from manyviews.losses.swav import sinkhorn, swapped_prediction
from manyviews.losses.vne import von_neumann_entropy

__all__ = [
    "BarlowTwinsLoss",
    "barlow_twins",
    "sinkhorn",
    "swapped_prediction",
    "von_neumann_entropy",
]
