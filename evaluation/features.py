"""Extract and cache frozen features, which every protocol reads."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from manyviews.batch import Sample
from manyviews.errors import NotFinite

# What reading a .npz that is missing, cut or changed can raise.
DAMAGED = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error)


class Features(NamedTuple):
    """Embeddings of a split; all but the embeddings themselves are on the CPU.

    Attributes:
        embedding: float32 (N, D), on the CPU, or on the device on which it shall be searched.
        label: int64 (N,), -1 if unknown.
        position: int64 (N,), row of each item in its split.
        group: int64 (N,), number of the group (person, patient, video) of each item, -1 if unknown;
            None if the data have no groups.
    """

    embedding: Float32[Tensor, "N D"]
    label: Int64[Tensor, " N"]
    position: Int64[Tensor, " N"]
    group: Int64[Tensor, " N"] | None = None

    def labelled(self) -> Features:
        """Return only the items whose label is known."""
        return self.rows((self.label >= 0).nonzero()[:, 0])

    def rows(self, rows: Int64[Tensor, " n"]) -> Features:
        """Return these items in this order."""
        group = None if self.group is None else self.group[rows]
        return Features(self.embedding[rows], self.label[rows], self.position[rows], group)


@torch.no_grad()
def extract(backbone: nn.Module, samples: Iterable[Sample]) -> Features:
    """Return the embeddings of clean, normalised inputs, in evaluation mode and float32.

    Weights, running statistics and training flags of the backbone are the same afterwards.

    Args:
        backbone: a module from images (B, C, H, W) or series (B, C, T) to embeddings (B, D).
        samples: batches whose `input` is clean (not augmented) and normalised; if they know groups,
            the features do, too.

    Raises:
        NotFinite: an embedding is NaN or infinite.
    """
    weight = next(backbone.parameters(), torch.zeros(()))  # a backbone may have none
    flags = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.autocast(weight.device.type, enabled=False):
            parts = [
                (backbone(s.input.to(weight)).float().cpu(), s.label, s.position, s.group)
                for s in samples
            ]
    finally:
        for module, training in flags.items():
            module.training = training
    *columns, groups = zip(*parts, strict=True)
    embedding, label, position = map(torch.cat, columns)
    bad = ~embedding.isfinite().all(1)
    if bad.any():
        raise NotFinite(
            f"{int(bad.sum())} of {len(bad)} embeddings are NaN or infinite, "
            f"the first at position {int(position[bad][0])}"
        )
    group = None if groups[0] is None else torch.cat(groups).cpu()
    return Features(embedding, label.cpu(), position.cpu(), group)


def save(path: Path, features: Features) -> None:
    """Save features as .npz: written under another name and renamed, so it is never half there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp.npz")
    known = {name: value for name, value in features._asdict().items() if value is not None}
    np.savez(beside, **{name: value.numpy() for name, value in known.items()})
    beside.replace(path)


def load(path: Path) -> Features:
    """Return features that `save` wrote; pickled objects in the file are refused."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        held = {name: torch.from_numpy(arrays[name]) for name in Features._fields if name in arrays}
        return Features(**held)


def _fits(found: Features, rows: Int64[Tensor, " N"], group: Int64[Tensor, " N"] | None) -> bool:
    """Return True if features from a file are those of these rows by shape, type and group."""
    embedding, label, position, grouped = found
    if group is not None and (grouped is None or not torch.equal(grouped, group)):
        return False  # earlier versions did not save the groups
    return (
        (embedding.dtype, label.dtype, position.dtype) == (torch.float32, torch.int64, torch.int64)
        and embedding.ndim == 2
        and len(embedding) == len(label) == len(rows)
        and torch.equal(position, rows)
        and bool(embedding.isfinite().all())
    )


def cached(
    path: Path,
    compute: Callable[[], Features],
    rows: Int64[Tensor, " N"],
    group: Int64[Tensor, " N"] | None = None,
) -> Features:
    """Return the features of these rows; compute and save them if `path` lacks or damages them.

    Args:
        path: the file.
        compute: extracts the features.
        rows: position of each item in its split.
        group: group of each item, -1 if unknown; None if the data have no groups.
    """
    try:
        found = load(path)
        if _fits(found, rows, group):
            return found
    except DAMAGED:
        pass
    features = compute()
    save(path, features)
    return features
