"""The time that the trainer adds to a step: CPU time of the process on one thread.

The model is a linear layer on 2 images of 4 x 4 pixels, with AdamW and a schedule, so that a step
is nearly all overhead. *manyviews* is `train.fit` with every default callback and logger (W&B
offline) and one checkpoint within its 600 steps. *bare Lightning* is a `pl.Trainer` with the same
module and data, but without logger, checkpoints and our callbacks. *bare loop* calls the same
loader, `training_step`, backward, optimizer and schedule in a `for` loop. Agreement compares the
weights after the last step bit for bit. Memory is the most that tensors hold at once over all
steps, in MB.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from costs import peak_bytes
from page import Row, megabytes
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from windows import interval

from manyviews import build, config, construct, runs, train
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output, Sample
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.images.splits import Images, ImageSplits
from manyviews.datamodules.views.images.pipeline import Views
from manyviews.loggers import wandb_logger
from manyviews.method import Method
from manyviews.optim import WarmupCosine
from manyviews.runs import Run

WARM, STEPS, BATCH = 20, 600, 2
TOTAL = WARM + STEPS + 20  # the end of the epoch lies after the timed steps
GOAL = ("at most", 1.25)
OVERRIDES = [
    f"batch_size={BATCH}",
    "epochs=1",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "evaluation=[knn]",
]
Weights = list[Tensor]


class Trunk(Backbone):
    """A backbone of one linear layer."""

    embedding_dim, in_channels = 4, 1

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 4)

    def forward(self, image: Tensor) -> Tensor:
        """Return the embeddings of flattened images."""
        return self.linear(image.flatten(1))


class Trivial(Method):
    """A method that pulls two views of an image together: the image and its negative."""

    def step(self, batch: Batch) -> Output:
        """Return the mean squared distance between the embeddings of both views."""
        h = torch.stack([self.backbone(view) for view in batch.views])
        return Output((h[0] - h[1]).square().mean(), h, h, {})


class Data(ImageData):
    """Images with two views that cost almost no time."""

    def make_batch(self, sample: Sample, epoch: int) -> Batch:
        """Return the image and its negative."""
        image = sample.input.float() / 255
        return Batch([image, -image], sample.label, sample.position)


class Clock(pl.Callback):
    """A callback that measures CPU seconds per step, without warm-up and the end of the epoch."""

    per_step = float("nan")

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Start the clock after the warm-up, and stop it before the epoch ends."""
        if trainer.global_step == WARM:
            # On the class: `train.fit` builds its own instance from the config.
            Clock.began = time.process_time()
        if trainer.global_step == WARM + STEPS:
            Clock.per_step = (time.process_time() - Clock.began) / STEPS


def rows(windows: int) -> Iterator[Row]:
    """Compare our trainer with Lightning's, and Lightning's with a loop."""
    sides: dict[str, Callable[[], tuple[float, Weights]]] = {
        "manyviews": ours,
        "bare Lightning": stock,
        "bare loop": bare,
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    weights: dict[str, Weights] = {}
    # The sides alternate, so that a busy moment hits all of them.
    for _ in range(min(windows, 7)):
        for name, work in sides.items():
            per_step, weights[name] = work()
            found[name].append(per_step)
    peak = {name: megabytes(peak_bytes(work)) for name, work in sides.items()}
    for first, second, goal in (
        ("manyviews", "bare Lightning", GOAL),
        ("bare Lightning", "bare loop", None),
    ):
        same = all(map(torch.equal, weights[first], weights[second]))
        extra = interval(1e3 * (np.array(found[first]) - np.array(found[second])))
        yield Row(
            "a step",
            first,
            second,
            "ms",
            (found[first], found[second]),
            "weights equal" if same else "weights DIFFER",
            f"{peak[first]} / {peak[second]}",
            goal,
            f"{extra.value:.2f} ms more ({extra.low:.2f} to {extra.high:.2f})",
        )


def data() -> Data:
    """Return as many random images as the steps need."""
    generator = torch.Generator().manual_seed(0)
    count = TOTAL * BATCH
    image = torch.randint(0, 256, (count, 1, 4, 4), generator=generator, dtype=torch.uint8)
    images = Images(image, torch.arange(count) % 2)
    splits = ImageSplits("noise", images, images, ("even", "odd"), (0.5,), (0.25,))
    composed, _ = config.compose("pretrain", OVERRIDES)
    return Data(splits, cast(Views, build.data(composed).views), batch_size=BATCH, seed=0)


def method() -> Trivial:
    """Return the method, with the same weights at every call."""
    torch.manual_seed(0)
    optimizer = partial(torch.optim.AdamW, lr=1e-3)
    made = Trivial(Trunk())  # pyright: ignore[reportArgumentType]
    made.train_with(optimizer=optimizer, schedule=WarmupCosine(warmup_epochs=0.1))
    return made


def ours() -> tuple[float, Weights]:
    """Train with everything that `manyviews pretrain` attaches."""
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory())
        held.enter_context(contextlib.redirect_stdout(io.StringIO()))
        composed, choices = config.compose("pretrain", [*OVERRIDES, f"runs={folder}"])
        path = runs.place(composed, choices)
        held.enter_context(runs.lock(path))
        run = runs.begin(path, composed, choices, OVERRIDES, {})
        os.environ["MANYVIEWS_TRUST"] = __name__.partition(".")[0]  # the callback below
        node = {"_target_": f"{__name__}.Clock"}
        callbacks = {**composed["callbacks"], "clock": node}
        run = Run(run.path, {**composed, "callbacks": callbacks}, choices)
        loggers = list(construct.nodes(composed["logger"], "logger", run=run).values())
        module = data()
        lightning = build.trainer(run.config, build.callbacks(run.config, run.path, module))
        parts = build.Parts(module, trained := method(), "random weights", lightning)
        train.fit(run, parts, None, loggers)
        wandb_logger.finish(loggers)
    return Clock.per_step, [p.detach() for p in trained.parameters()]


def stock() -> tuple[float, Weights]:
    """Train with a bare `pl.Trainer`; the clock is its only callback."""
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[Clock()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        default_root_dir=Path(tempfile.gettempdir()),
    )
    trainer.fit(trained := method(), datamodule=data())
    return Clock.per_step, [p.detach() for p in trained.parameters()]


def bare() -> tuple[float, Weights]:
    """Train with a plain loop."""
    trained, images = method(), data()
    optimizer = trained.build_optimizer()
    schedule = LambdaLR(
        optimizer, lambda step: trained.schedule(step, total_steps=TOTAL, steps_per_epoch=TOTAL)
    )
    began = ended = 0.0
    for step, sample in enumerate(images.loader()):
        if step == WARM:
            began = time.process_time()
        if step == WARM + STEPS:
            ended = time.process_time()
        optimizer.zero_grad()
        trained.training_step(images.make_batch(sample, 0), step)["loss"].backward()
        optimizer.step()
        schedule.step()
    return (ended - began) / STEPS, [p.detach() for p in trained.parameters()]
