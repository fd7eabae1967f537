"""Train one side of the suite e2e: python benchmarks/contender.py SIDE PRECISION.

All sides train the same backbone with SwAV on the same images and views: two crops of 28 x 28
pixels of Fashion-MNIST, as in `experiment=swav_fashion_mnist_mini`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

import pytorch_lightning as pl
import torch
from lightly.loss import SwaVLoss  # pyright: ignore[reportMissingImports]
from lightly.models.modules import (  # pyright: ignore[reportMissingImports]
    SwaVProjectionHead,
    SwaVPrototypes,
)
from lightly.transforms.swav_transform import (  # pyright: ignore[reportMissingImports]
    SwaVTransform,
)
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from turns import Turns

from manyviews import train
from manyviews.backbones import registry
from manyviews.datamodules.images.public import fashion_mnist_mini
from manyviews.errors import Interrupted

BATCH, STEPS, WORKERS = 256, 20, 2
IMAGES = BATCH * STEPS  # in an epoch
MEAN, STD = (0.2860,), (0.3530,)


def manyviews(precision: str) -> None:
    """Train with every default callback except the online kNN, and with W&B offline."""
    os.environ["MANYVIEWS_TRUST"] = "turns."
    # `Turns` interrupts the training when no more epochs are wanted.
    with suppress(Interrupted):
        train.pretrain(
            [
                "experiment=swav_fashion_mnist_mini",
                f"batch_size={BATCH}",
                "epochs=10000",
                f"trainer.limit_train_batches={STEPS}",
                f"trainer.precision={precision}",
                "trainer.accelerator=cpu",
                "callbacks.online_knn=null",
                "+callbacks.turns._target_=turns.Turns",
                f"runs={os.environ['RUNS']}",
            ]
        )


class Pictures(Dataset[tuple[list[Tensor], int]]):
    """A data set of PIL images with lightly's transform and the values of that recipe."""

    def __init__(self) -> None:
        sample = fashion_mnist_mini().train.sample(torch.arange(IMAGES))
        self.pictures = [Image.fromarray(i[0].numpy()) for i in sample.input]
        self.label = sample.label.tolist()
        self.transform = SwaVTransform(
            crop_sizes=(28,),  # pyright: ignore[reportArgumentType]
            crop_counts=(2,),  # pyright: ignore[reportArgumentType]
            crop_min_scales=(0.4,),  # pyright: ignore[reportArgumentType]
            crop_max_scales=(1.0,),  # pyright: ignore[reportArgumentType]
            hf_prob=0.0,
            cj_sat=0.0,
            cj_hue=0.0,
            random_gray_scale=0.0,
            gaussian_blur=0.0,
            normalize={"mean": list(MEAN), "std": list(STD)},
        )

    def __len__(self) -> int:
        """Return the number of images in an epoch."""
        return IMAGES

    def __getitem__(self, i: int) -> tuple[list[Tensor], int]:
        """Return two views and a label."""
        return self.transform(self.pictures[i]), self.label[i]  # pyright: ignore[reportReturnType]


class SwAV(pl.LightningModule):
    """SwAV as in lightly's examples."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = registry.build("resnet_tiny", in_channels=1, image_size=28)
        self.projection_head = SwaVProjectionHead(self.backbone.embedding_dim, 256, 64)
        self.prototypes = SwaVPrototypes(64, n_prototypes=128)
        self.criterion = SwaVLoss(temperature=0.15, sinkhorn_epsilon=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prototype scores of one crop."""
        features = self.backbone(x).flatten(start_dim=1)
        return self.prototypes(nn.functional.normalize(self.projection_head(features), dim=1))

    def training_step(self, batch: tuple[list[Tensor], Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        self.prototypes.normalize()
        scores = [self(x) for x in batch[0]]
        return self.criterion([s.float() for s in scores], [])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer of that recipe."""
        return torch.optim.AdamW(self.parameters(), lr=0.002, weight_decay=0.05)


def loader(*, persistent: bool) -> DataLoader[tuple[list[Tensor], int]]:
    """Return a loader with two worker processes."""
    return DataLoader(
        Pictures(),
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=persistent,
    )


def lightly_as_published(precision: str) -> None:
    """Train with Lightning's trainer as in lightly's examples."""
    trainer = pl.Trainer(
        max_epochs=-1,
        accelerator="cpu",
        precision=precision,  # pyright: ignore[reportArgumentType]
        callbacks=[Turns()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with suppress(SystemExit):
        trainer.fit(SwAV(), loader(persistent=False))


def lightly_best_effort(precision: str) -> None:
    """Train in a plain loop with persistent workers; in bfloat16 also with channels last."""
    half = precision == "bf16-mixed"
    model, batches, turns = SwAV(), loader(persistent=True), Turns()
    if half:
        model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = model.configure_optimizers()
    while turns.wait_for_turn():
        for i, batch in enumerate(batches):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = model.training_step(batch, i)
            loss.backward()
            optimizer.step()


SIDES: dict[str, Callable[[str], None]] = {
    "manyviews": manyviews,
    "lightly_as_published": lightly_as_published,
    "lightly_best_effort": lightly_best_effort,
}

if __name__ == "__main__":
    SIDES[sys.argv[1]](sys.argv[2])
