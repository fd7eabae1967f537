"""A linear layer on a frozen backbone."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.backbones.backbone import Backbone
from manyviews.datamodules.module import Split
from manyviews.evaluation.features import Features
from manyviews.evaluation.probes.classifier import Classifier


class Frozen(Classifier):
    """A linear layer on a backbone that stays in evaluation mode and bit for bit as it is.

    The arguments are those of `Classifier`. A checkpoint does not hold the backbone.
    """

    def __init__(self, backbone: Backbone, *arguments: Any) -> None:
        super().__init__(backbone, *arguments)
        # In a tuple, so that torch does not take it for a part of this module: it is neither saved,
        # nor put into training mode, nor made equal on all ranks by DDP.
        self.outside = (backbone.eval(),)
        self.before = {name: value.clone() for name, value in backbone.state_dict().items()}
        self.known: dict[Split, Features | None] = {}

    @property
    def trunk(self) -> Backbone:
        """The backbone."""
        return self.outside[0]

    def on_fit_start(self) -> None:
        """Move the backbone to the device of the head, which the trainer has moved."""
        self.trunk.to(self.device)

    @torch.no_grad()
    def embed(self, view: Float[Tensor, "B ..."]) -> Float[Tensor, "B D"]:
        """Return the embeddings of a training batch, without gradient."""
        return self.trunk(view)

    def features(self, split: Split) -> Features | None:
        """Return the embeddings of the items of a split, which are computed once."""
        if split not in self.known:
            self.known[split] = super().features(split)
        return self.known[split]

    def on_train_epoch_end(self) -> None:
        """Classify the test items, and check that the backbone is as before.

        Raises:
            RuntimeError: it was changed.
        """
        super().on_train_epoch_end()
        for name, value in self.trunk.state_dict().items():
            if not torch.equal(value, self.before[name].to(value.device)):
                raise RuntimeError(f"the frozen backbone was changed: {name}")
