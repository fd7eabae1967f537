"""Frozen features: what every protocol reads."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from manyviews.batch import Sample


class Features(NamedTuple):
    """Embeddings of a split on the CPU.

    Attributes:
        embedding: float32 (N, D).
        label: int64 (N,), -1 where unknown.
        position: int64 (N,), row in the data set.
    """

    embedding: Float32[Tensor, "N D"]
    label: Int64[Tensor, " N"]
    position: Int64[Tensor, " N"]

    def labelled(self) -> Features:
        """Only the rows whose label is known."""
        known = self.label >= 0
        return Features(self.embedding[known], self.label[known], self.position[known])


@torch.no_grad()
def extract(backbone: nn.Module, samples: Iterable[Sample]) -> Features:
    """Embeddings of clean, normalised inputs: evaluation mode, float32, nothing dropped.

    Weights, running statistics and training flags are afterwards what they were.

    Args:
        backbone: images (B, C, H, W) or series (B, C, T) to embeddings (B, D).
        samples: with `input` already clean and normalised.

    Raises:
        ValueError: an embedding is NaN or infinite.
    """
    weight = next(backbone.parameters(), torch.zeros(()))  # a backbone may have none
    flags = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.autocast(weight.device.type, enabled=False):
            parts = [
                (backbone(s.input.to(weight)).float().cpu(), s.label, s.position) for s in samples
            ]
    finally:
        for module, training in flags.items():
            module.training = training
    embedding, label, position = (torch.cat(column) for column in zip(*parts, strict=True))
    bad = ~embedding.isfinite().all(1)
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} of {len(bad)} embeddings are NaN or infinite, "
            f"the first at position {int(position[bad][0])}"
        )
    return Features(embedding, label.cpu(), position.cpu())


def save(path: Path, features: Features) -> None:
    """Write an .npz beside and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp.npz")
    np.savez(beside, **{name: value.numpy() for name, value in features._asdict().items()})
    beside.replace(path)


def load(path: Path) -> Features:
    """What `save` wrote; nothing in it is executed."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Features(*(torch.from_numpy(arrays[name]) for name in Features._fields))


def cached(path: Path, compute: Callable[[], Features]) -> Features:
    """The features at `path`; computed and saved where the file is missing or torn."""
    try:
        return load(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        features = compute()
        save(path, features)
        return features
