"""A linear layer on a backbone, trained with labels and scored after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch
from manyviews.datamodules.module import Split, ViewData
from manyviews.errors import NotFinite
from manyviews.evaluation.answers import Labels
from manyviews.evaluation.features import Features, extract_on_ranks
from manyviews.evaluation.probes.recipe import Recipe


class Classifier(pl.LightningModule):
    """A linear layer on a backbone; a subclass says what becomes of the backbone.

    After each epoch the test items are classified. The published scores of several papers are the
    best of these accuracies; nothing else depends on them.

    Args:
        backbone: the backbone, in evaluation mode.
        data: the training items with their views, and the clean items of all splits.
        items: labels and positions of the items by their split: of "train" those to train on, of
            "test" and perhaps "val" those to classify. Their embeddings are not read.
        classes: M, number of classes.
        recipe: how it is trained.

    Attributes:
        right: int64 (epochs,), number of test items that were classified rightly after each epoch.
        best: int64 (Q,), the classes of the test items after the best epoch, the first of several.
    """

    right: Tensor
    best: Tensor

    def __init__(
        self,
        backbone: Backbone,
        data: ViewData[Any, Any],
        items: Mapping[Split, Features],
        classes: int,
        recipe: Recipe,
    ) -> None:
        super().__init__()
        self.data, self.items, self.recipe = data, dict(items), recipe
        self.head = _linear(backbone.embedding_dim, classes, recipe.seed)
        self.register_buffer("right", torch.zeros(recipe.epochs, dtype=torch.int64))
        self.register_buffer("best", torch.full_like(self.items["test"].label, -1))

    @property
    def trunk(self) -> Backbone:
        """The backbone."""
        raise NotImplementedError

    def embed(self, view: Float[Tensor, "B ..."]) -> Float[Tensor, "B D"]:
        """Return the embeddings of a training batch."""
        return self.trunk(view)

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameters to train, in groups that name their learning rates."""
        return [{"params": [*self.head.parameters()], "lr": self.recipe.head_rate}]

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return the cross-entropy of the first view of a batch."""
        weight = next(self.trunk.parameters(), self.head.weight)
        embedding = self.embed(batch.views[0].to(weight.dtype))
        with torch.autocast(self.device.type, enabled=False):  # in float32 or wider
            logits = self.head(embedding.to(self.head.weight.dtype))
            loss = F.cross_entropy(logits, batch.label)
        return {"loss": loss, "logs": {"train/loss": loss.detach()}}

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the schedule as a factor that changes between epochs."""
        optimizer = self.recipe.build_optimizer(self.groups())
        steps = max(int(self.trainer.estimated_stepping_batches) // self.recipe.epochs, 1)
        # As a function of the step: so a run that resumes in mid-epoch needs no further state.
        schedule = LambdaLR(optimizer, lambda step: self.recipe.factor(step // steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_end(self) -> None:
        """Classify the test items, and keep the classes if they are the best so far."""
        try:
            scores = self.scores("test")  # on rank 0 alone, whose classes the others take over
        except NotFinite:  # raised on rank 0 alone, for which the others would wait
            scores = None
        guess = torch.full_like(self.best, -1) if scores is None else scores.argmax(1)
        guess = distributed.maximum(guess.to(self.best.device))
        right = (guess == self.items["test"].label.to(guess.device)).sum()
        epoch = self.current_epoch
        if epoch == 0 or right > self.right[:epoch].max():
            self.best.copy_(guess)
        self.right[epoch] = right

    def scores(self, split: Split) -> Float32[Tensor, "Q M"] | None:
        """Return the scores of each class for the items of a split; all ranks have to call it.

        They are there on rank 0, None on the other ranks.
        """
        features = self.features(split)
        if features is None:
            return None
        weight, bias = (p.detach().float().cpu() for p in (self.head.weight, self.head.bias))
        return F.linear(features.embedding, weight, bias)

    def features(self, split: Split) -> Features | None:
        """Return the embeddings of the items of a split on rank 0, None on the other ranks."""
        return extract_on_ranks(self.trunk, self.data, split, self.items[split].position)

    def labels(self, split: Split) -> Labels:
        """Return the classes of the items of a split; in a single process."""
        scores = self.scores(split)
        if scores is None:
            raise RuntimeError("only rank 0 has the scores")
        return Labels(scores.argmax(1), scores)


def _linear(width: int, classes: int, seed: int) -> nn.Linear:
    """Return a linear layer with weights of N(0, 0.01^2) and biases of 0."""
    head = nn.Linear(width, classes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.weight.copy_(0.01 * torch.randn(classes, width, generator=generator))
        head.bias.zero_()
    return head
