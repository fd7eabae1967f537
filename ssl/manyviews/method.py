"""The contract of a method: `step` turns a batch of views into an `Output`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, final

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output, as_batch, check
from manyviews.errors import ConfigError
from manyviews.optim import Schedule
from manyviews.panels import Panel
from manyviews.regularizers import Regularizer

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]


def _constant(step: int, *, total_steps: int, steps_per_epoch: float) -> float:
    return 1.0


class Examples(NamedTuple):
    """Training samples that a method can show in the report.

    Attributes:
        batch: a few samples with the views of epoch 0.
        embedding: clean embeddings (N, D) of all training samples that the evaluation reads, on
            the CPU.
        label: their labels (N,).
        class_names: name of each label.
        pictures: returns the pictures (B, C, H, W) of the samples in the given rows (B,).
        drawn: returns views (B, C, ...) as pictures (B, c, H, W).
        items: what the samples are called, in the plural: "images" or "windows".
    """

    batch: Batch
    embedding: Tensor
    label: Tensor
    class_names: tuple[str, ...]
    pictures: Callable[[Int64[Tensor, " B"]], UInt8[np.ndarray, "B C H W"]]
    drawn: Callable[[Tensor], UInt8[np.ndarray, "B c H W"]]
    items: str = "images"


class Method(pl.LightningModule):
    """Base class of all methods: a subclass writes `__init__` and `step`.

    State that must survive a resume is a buffer or a submodule. If the paper does something once
    per optimizer step (moving a target network, normalising prototypes), the subclass also writes
    `begin_step` or a Lightning hook.

    A method is trained by a Lightning trainer after `train_with` has set its optimizer:

        method = BarlowTwins(backbone, hidden_dim=2048, projection_dim=2048)
        method.train_with(optimizer=partial(torch.optim.AdamW, lr=1e-3), schedule=WarmupCosine(10))

    The loader of such a trainer yields a `Batch`, or a pair of views and labels.

    Args:
        backbone: the network that is kept after pretraining.

    Attributes:
        reads: the kind of data that `step` understands.
        views_read: smallest and largest number of views that `step` reads; None is no limit.
        fitting_views: a declaration of `conf/views/` that `step` can read.
        compares_rows: True if the loss of a row depends on the other rows of its batch (batch norm
            aside); False if the loss is a mean over rows.
        needs: constructor arguments that the run provides and a config cannot set: "seed" (of the
            run) and "classes" (the number of classes in the training data).
        trained_first: constructor arguments that are backbones of a run trained before this one:
            the method of that run by the argument's name. The config key of that name holds the
            run's folder.
        last_piece: True if the batch is the last one of its optimizer step, under gradient
            accumulation.
    """

    reads: ClassVar[Literal["images", "series", "any"]] = "any"
    views_read: ClassVar[tuple[int, int | None]] = (2, 2)
    fitting_views: ClassVar[str] = "two_crops"
    compares_rows: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()
    trained_first: ClassVar[Mapping[str, str]] = {}

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.optimizer_factory: OptimizerFactory | None = None
        self.schedule: Schedule = _constant
        self.regularizers: dict[str, Regularizer] = {}
        self.total_steps, self.steps_per_epoch = 1, 1.0  # set when the trainer is known
        self.last_piece = True

    def train_with(
        self,
        *,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        """Set the optimizer, schedule and regularizers that train this method.

        Args:
            optimizer: makes the optimizer from two groups of parameters: matrices and kernels, then
                1-D tensors (biases, norms), which carry `weight_decay=0`.
            schedule: factor on the learning rate at each step.
            regularizers: terms by name; each adds `weight * schedule(step) * term(output)` to the
                loss.
        """
        self.optimizer_factory, self.schedule = optimizer, schedule
        self.regularizers = dict(regularizers or {})

    def step(self, batch: Batch) -> Output:
        """Return loss, embedding and projection of a batch."""
        raise NotImplementedError(f"{type(self).__name__} writes step(batch) -> Output")

    def begin_step(self) -> None:
        """Do what happens once per optimizer step, before its first forward pass."""

    def check_batch_size(self, batch_size: int) -> None:
        """Raise unless the method can be trained on batches of this size.

        Args:
            batch_size: samples per optimizer step, summed over ranks.

        Raises:
            ConfigError: says which sizes it can read.
        """

    def check_views(self, count: int) -> None:
        """Raise unless `step` can read this many views of a sample.

        Raises:
            ConfigError: it reads fewer or more.
        """
        fewest, most = self.views_read
        if fewest <= count and (most is None or count <= most):
            return
        wanted = {fewest: f"{fewest}", None: f"{fewest} or more"}.get(most, f"{fewest} to {most}")
        raise ConfigError(
            f"{type(self).__name__} reads {wanted} views of a sample, got {count}; change "
            f"views.<kind>.count, or choose other views, e.g. views={self.fitting_views}"
        )

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Return signs of collapse by name, each with what is seen, why, and what to change.

        Args:
            logs: values that the last step logged, averaged over ranks.
        """
        return {}

    def panels(self, examples: Examples) -> list[Panel]:
        """Return what the report, W&B and the local pages show of this method itself."""
        return []

    def total_loss(self, output: Output) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the method's loss plus its weighted regularizers, and every part to be logged."""
        total, parts = output.loss, {"train/loss/method": output.loss}
        for name, term in self.regularizers.items():
            if term.weight:  # weight 0 means "not there": bit-identical to a run without the term
                value, weight = term(output), term.weight * self.at_step(term.schedule)
                total = total + weight * value
                parts[f"train/loss/{name}"] = value
                parts[f"train/weight/{name}"] = torch.full_like(value, weight)
        return total, {"train/loss": total, **parts, **output.logs}

    def at_step(self, schedule: Schedule) -> float:
        """Return the factor of a schedule at this optimizer step."""
        return schedule(
            self.global_step, total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch
        )

    @final
    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Any]:
        """Return the loss with its graph, and detached copies for the callbacks.

        Args:
            batch: a `Batch`, or a pair of views and labels as an ordinary loader yields it.
            batch_idx: number of the batch in its epoch.
        """
        batch = as_batch(batch)
        self.check_views(len(batch.views))
        check(batch)
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

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Call `begin_step` before the first of the batches that make an optimizer step."""
        pieces = self.trainer.accumulate_grad_batches
        self.last_piece = (batch_idx + 1) % pieces == 0
        if batch_idx % pieces == 0:
            self.begin_step()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return matrices and kernels, then 1-D tensors without weight decay."""
        trained = [p for p in self.parameters() if p.requires_grad]
        return [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]

    def build_optimizer(self) -> Optimizer:
        """Return a new optimizer for the parameter groups.

        Raises:
            RuntimeError: `train_with` was not called.
        """
        if self.optimizer_factory is None:
            raise RuntimeError(
                f"{type(self).__name__} has no optimizer; call "
                "method.train_with(optimizer=..., schedule=...) before trainer.fit"
            )
        return self.optimizer_factory(self.parameter_groups())

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the schedule as a factor that moves once per optimizer step."""
        optimizer = self.build_optimizer()
        total = int(self.trainer.estimated_stepping_batches)
        per_epoch = total / max(self.trainer.max_epochs or 1, 1)
        self.total_steps, self.steps_per_epoch = total, per_epoch

        def factor(step: int) -> float:
            return self.schedule(step, total_steps=total, steps_per_epoch=per_epoch)

        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }
