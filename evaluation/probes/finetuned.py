"""A linear layer that is trained together with its backbone."""

from __future__ import annotations

from typing import Any, Literal

from torch.nn.modules.batchnorm import _BatchNorm

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.freezing import freeze_parts
from manyviews.errors import ConfigError
from manyviews.evaluation.probes.classifier import Classifier

BatchNorm = Literal["train", "eval"]


class FineTuned(Classifier):
    """A linear layer that is trained together with the backbone, or with its last stages.

    Args:
        backbone: see `Classifier`.
        arguments: see `Classifier`.
        stages: number of last stages to train, the others are frozen; None: all are trained.
        batch_norm: "train": batch norms use the statistics of the batch, over all ranks, and update
            their running ones; "eval": they use their running ones, which stay.

    Raises:
        ConfigError: the backbone has fewer stages, or does not say which they are.
    """

    def __init__(
        self,
        backbone: Backbone,
        *arguments: Any,
        stages: int | None,
        batch_norm: BatchNorm,
    ) -> None:
        super().__init__(backbone, *arguments)
        self.backbone, self.batch_norm = backbone, batch_norm
        if stages is not None:
            freeze_parts(backbone, _other_stages(backbone, stages))
        self.train()

    @property
    def trunk(self) -> Backbone:
        """The backbone."""
        return self.backbone

    def train(self, mode: bool = True) -> FineTuned:
        """Set training or evaluation mode, but keep batch norms as `batch_norm` says."""
        super().train(mode)
        if self.batch_norm == "eval":
            for module in self.backbone.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def on_train_start(self) -> None:
        """Set the training mode, also of batch norms that were replaced for several ranks."""
        self.train()

    def groups(self) -> list[dict[str, Any]]:
        """Return the trained parameters of the backbone, then those of the head."""
        trained = [p for p in self.backbone.parameters() if p.requires_grad]
        return [{"params": trained, "lr": self.recipe.trunk_rate}, *super().groups()]


def _other_stages(backbone: Backbone, stages: int) -> int:
    """Return the number of first stages that are not among the last `stages` ones."""
    count = len(backbone.parts_by_stage())
    if not 1 <= stages <= count:
        allowed = f"1 to {count}, or null" if count else "null; this backbone names no stages"
        raise ConfigError(f"finetune stages={stages}; allowed: {allowed}")
    return count - stages
