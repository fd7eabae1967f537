"""Extract and cache frozen features, which every protocol reads."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from manyviews import distributed
from manyviews.batch import Sample
from manyviews.datamodules.module import Split, ViewData
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

    def to(self, device: str | torch.device) -> Features:
        """Return the features with their embeddings on a device."""
        return self._replace(embedding=self.embedding.to(device))

    def rows(self, rows: Int64[Tensor, " n"]) -> Features:
        """Return these items in this order."""
        group = None if self.group is None else self.group[rows]
        return Features(self.embedding[rows], self.label[rows], self.position[rows], group)


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
    return _finite(_embedded(backbone, samples))


def extract_on_ranks(
    backbone: nn.Module, data: ViewData[Any, Any], split: Split, rows: Int64[Tensor, " N"]
) -> Features | None:
    """Return the features of these rows on rank 0, None on the other ranks; all have to call it.

    The batches are those of one process and are dealt to the ranks in turn, so that each row is
    embedded once, and the features are equal to those of one process.

    Args:
        backbone: equal on all ranks; otherwise as for `extract`.
        data: gives clean inputs and groups.
        split: the split.
        rows: at least one row.

    Raises:
        NotFinite: an embedding is NaN or infinite; raised on rank 0.
    """
    mine = rows.split(data.clean_batch)[distributed.rank() :: distributed.world_size()]
    own = torch.empty(0, 0)
    if mine:
        own = _embedded(backbone, data.clean(split, torch.cat(mine))).embedding
    embedding = distributed.join_blocks(own, data.clean_batch, len(rows))
    if embedding is None:
        return None
    groups = data.groups(split)
    group = None if groups is None else groups[0][rows]
    return _finite(Features(embedding, data.rows_of(split).label[rows], rows, group))


@torch.no_grad()
def _embedded(backbone: nn.Module, samples: Iterable[Sample]) -> Features:
    """Return the embeddings of clean inputs, which may be NaN or infinite."""
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
    group = None if groups[0] is None else torch.cat(groups).cpu()
    return Features(embedding, label.cpu(), position.cpu(), group)


def _finite(features: Features) -> Features:
    """Return the features unless an embedding is NaN or infinite."""
    bad = ~features.embedding.isfinite().all(1)
    if bad.any():
        raise NotFinite(
            f"{int(bad.sum())} of {len(bad)} embeddings are NaN or infinite, "
            f"the first at position {int(features.position[bad][0])}"
        )
    return features


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


def read(
    path: Path, rows: Int64[Tensor, " N"], group: Int64[Tensor, " N"] | None = None
) -> Features | None:
    """Return the features of these rows from a file, None if it is missing, damaged or of others.

    Args:
        path: the file.
        rows: position of each item in its split.
        group: group of each item, -1 if unknown; None if the data have no groups.
    """
    try:
        found = load(path)
        return found if _fits(found, rows, group) else None
    except DAMAGED:
        return None


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
    found = read(path, rows, group)
    if found is None:
        found = compute()
        save(path, found)
    return found
