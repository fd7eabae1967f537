"""The contract of a method: `step` turns a batch of views into an `Output`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, final

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]


class Method(pl.LightningModule):
    """Base of all methods: a subclass writes `__init__` and `step`.

    State that must survive a resume is a buffer or a submodule. Where the paper has an act per step
    it also writes `begin_step`, or a Lightning hook.

    Args:
        backbone: what is kept after pretraining.
        optimizer: makes the optimizer from two groups of parameters: matrices and kernels, then
            1-D tensors (biases, norms), which carry `weight_decay=0`.
        schedule: factor on the learning rate at each step.
        regularizers: terms by name, added as `weight * schedule(step) * term(output)`.

    Attributes:
        reads: the kind of data that `step` makes sense of.
        views_read: fewest and most views of a sample that `step` reads; None: no limit.
        compares_rows: whether the loss of a row depends on the others of its batch, batch norm
            apart; False: the loss is a mean over rows.
        last_piece: whether the batch is the last of its optimizer step, under accumulation.
    """

    reads: ClassVar[Literal["images", "series", "any"]] = "any"
    views_read: ClassVar[tuple[int, int | None]] = (2, 2)
    compares_rows: ClassVar[bool] = True

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.optimizer_factory = optimizer
        self.schedule = schedule
        self.regularizers = dict(regularizers or {})
        self.total_steps, self.steps_per_epoch = 1, 1.0  # as the trainer has them
        self.last_piece = True

    def step(self, batch: Batch) -> Output:
        """Loss, embedding and projection of a batch."""
        raise NotImplementedError(f"{type(self).__name__} writes step(batch) -> Output")

    def begin_step(self) -> None:
        """What is done once per optimizer step, before its first forward."""

    def check_views(self, count: int) -> None:
        """Nothing, where `step` reads this many views of a sample.

        Raises:
            ConfigError: it reads fewer or more.
        """
        fewest, most = self.views_read
        if fewest <= count and (most is None or count <= most):
            return
        wanted = {fewest: f"{fewest}", None: f"{fewest} or more"}.get(most, f"{fewest} to {most}")
        instead = "two_crops"
        if self.reads == "series":
            instead = "window" if most == 1 else "rebar"
        raise ConfigError(
            f"{type(self).__name__} reads {wanted} views of a sample, got {count}; change "
            f"views.<kind>.count, or choose other views, e.g. views={instead}"
        )

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Signs by name that the representation has collapsed: what is seen, why, what to change.

        Args:
            logs: of the last step, means over ranks.
        """
        return {}

    def pictures(self, batch: Batch, embedding: Float[Tensor, "N D"]) -> dict[str, Tensor]:
        """Arrays for the report, by their name in gallery.npz.

        Args:
            batch: a few training samples.
            embedding: of all training samples that evaluation reads, clean, on the CPU.
        """
        return {}

    def total_loss(self, output: Output) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The method's loss plus its weighted regularizers, and every part by its log name."""
        total, parts = output.loss, {"train/loss/method": output.loss}
        for name, term in self.regularizers.items():
            if term.weight:  # weight 0 means "not there": bit-identical to a run without the slot
                value, weight = term(output), term.weight * self.at_step(term.schedule)
                total = total + weight * value
                parts[f"train/loss/{name}"] = value
                parts[f"train/weight/{name}"] = torch.full_like(value, weight)
        return total, {"train/loss": total, **parts, **output.logs}

    def at_step(self, schedule: Schedule) -> float:
        """The factor of a schedule at this optimizer step."""
        return schedule(
            self.global_step, total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch
        )

    @final
    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Lightning's step: the loss with its graph, and for the callbacks a detached copy."""
        self.check_views(len(batch.views))
        weight = next(self.backbone.parameters(), torch.zeros(()))  # float64 under 64-true
        batch = batch._replace(views=[view.to(weight.dtype) for view in batch.views])
        output = self.step(batch)
        total, logs = self.total_loss(output)
        # Callbacks get detached tensors, or Lightning would hold the graph until the next step.
        detached = Output(
            output.loss.detach(), output.embedding.detach(), output.projection.detach(), {}
        )
        return {
            "loss": total,
            "output": detached,
            "logs": {name: value.detach() for name, value in logs.items()},
        }

    def __setattr__(self, name: str, value: Any) -> None:
        """As a module does it, but for the hook's name, which Lightning sets at every hook."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Of the batches that make an optimizer step the first calls `begin_step`."""
        pieces = self.trainer.accumulate_grad_batches
        self.last_piece = (batch_idx + 1) % pieces == 0
        if batch_idx % pieces == 0:
            self.begin_step()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Matrices and kernels, then 1-D tensors without weight decay."""
        trained = [p for p in self.parameters() if p.requires_grad]
        return [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]

    def configure_optimizers(self) -> Any:
        """The optimizer, and the schedule as a factor that moves once per optimizer step."""
        optimizer = self.optimizer_factory(self.parameter_groups())
        total = int(self.trainer.estimated_stepping_batches)
        per_epoch = total / max(self.trainer.max_epochs or 1, 1)
        self.total_steps, self.steps_per_epoch = total, per_epoch

        def factor(step: int) -> float:
            return self.schedule(step, total_steps=total, steps_per_epoch=per_epoch)

        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }
