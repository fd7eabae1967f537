"""One file per loss: pure functions of tensors that know nothing of Lightning."""

from manyviews.losses.barlow_twins import BarlowTwinsLoss, barlow_twins
from manyviews.losses.byol import byol
from manyviews.losses.hydra import arbitrary_pairs
from manyviews.losses.ivne import mean_cosine
from manyviews.losses.mixed_barlow_twins import mixup_redundancy, unbiased_barlow_twins
from manyviews.losses.moco import moco
from manyviews.losses.rebar import RetrievalContrast, reconstruction_error, retrieval_contrast
from manyviews.losses.simclr import info_nce
from manyviews.losses.supcon import supcon
from manyviews.losses.swav import sinkhorn, swapped_prediction
from manyviews.losses.tico import TiCoLoss, TiCoParts
from manyviews.losses.vicreg import VICRegParts, vicreg
from manyviews.losses.vne import von_neumann_entropy

__all__ = [
    "BarlowTwinsLoss",
    "RetrievalContrast",
    "TiCoLoss",
    "TiCoParts",
    "VICRegParts",
    "arbitrary_pairs",
    "barlow_twins",
    "byol",
    "info_nce",
    "mean_cosine",
    "mixup_redundancy",
    "moco",
    "reconstruction_error",
    "retrieval_contrast",
    "sinkhorn",
    "supcon",
    "swapped_prediction",
    "unbiased_barlow_twins",
    "vicreg",
    "von_neumann_entropy",
]
