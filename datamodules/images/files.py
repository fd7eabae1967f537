"""Images that stay on disk: worker processes decode each once and cut all its views from it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from manyviews.batch import Sample
from manyviews.datamodules.images.decode import BadImage, Channels, read, to_tensor

MARGIN = 224 / 256  # of the usual "shorter side to 256, centre crop of 224"
MOST_WORKERS = 16
Prepared = UInt8[Tensor, "B C h w"] | list[UInt8[Tensor, "B C _ _"]]


@runtime_checkable
class Prepare(Protocol):
    """What workers make of the decoded pictures of a batch; it travels to them as a pickle."""

    def __call__(
        self, images: list[Image.Image], position: Int64[Tensor, " B"], epoch: int
    ) -> Prepared:
        """Bytes of one size, or a list of them, one per view."""
        ...


class ImageFiles:
    """One split as files, decoded when they are asked for.

    Args:
        paths: readable images.
        label: int64 (N,), -1 where unknown.
        digest: what identifies the content of each file, uint8 (N, 16).
        size: height and width of the clean image in pixels.
        channels: 1 or 3.
        workers: processes that decode, 0 for none; null: this process's share of the cores.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        label: Int64[Tensor, " N"],
        digest: UInt8[np.ndarray, "N 16"],
        *,
        size: tuple[int, int],
        channels: Channels,
        workers: int | None,
    ) -> None:
        self.paths, self.label, self.digest = list(paths), label, digest
        self.size, self.workers = size, workers
        self.channels: Channels = channels

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """These rows, decoded here and now."""
        decoded = _Decoded(self.paths, self.channels, prepare or Clean(self.size))
        return self._sample(*decoded.__getitems__((epoch, rows.tolist())))

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " B"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """The batches in their order, prepared by the workers; without `prepare` clean images."""
        workers = cores() if self.workers is None else self.workers
        loader = DataLoader(
            _Decoded(self.paths, self.channels, prepare or Clean(self.size)),
            batch_sampler=[(epoch, rows.tolist()) for rows in batches],  # pyright: ignore[reportArgumentType]
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=_ignore_interrupts,
            # Forking this process would copy its locks, held by whatever threads it has.
            multiprocessing_context=_server() if workers else None,
            pin_memory=torch.cuda.is_available(),
        )
        for made, rows in loader:
            yield self._sample(made, rows)

    def _sample(self, made: Any, rows: Int64[Tensor, " B"]) -> Sample:
        if isinstance(made, BadImage):
            raise made
        return Sample(made, self.label[rows], rows)

    def fingerprint(self) -> dict[str, Any]:
        """Digest over the content of the files and their labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.digest).tobytes())
        digest.update(self.label.numpy().tobytes())
        return {"sha256": digest.hexdigest()}


class Clean:
    """The centred box of the right shape, less the usual margin, resized.

    Args:
        size: height and width in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __call__(
        self, images: list[Image.Image], position: Int64[Tensor, " B"], epoch: int
    ) -> UInt8[Tensor, "B C h w"]:
        """Bicubic and antialiased, the same in every epoch."""
        return torch.stack([to_tensor(self._cut(image)) for image in images])

    def _cut(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        if (image.height, image.width) == self.size:
            return image
        scale = min(image.height / height, image.width / width) * MARGIN
        left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
        return image.resize((width, height), Image.Resampling.BICUBIC, box)


class _Decoded(Dataset):
    """Whole batches by (epoch, rows)."""

    def __init__(self, paths: list[Path], channels: Channels, prepare: Prepare) -> None:
        self.paths, self.prepare = paths, prepare
        self.channels: Channels = channels

    def __getitems__(self, batch: tuple[int, list[int]]) -> tuple[Prepared | BadImage, Tensor]:
        epoch, rows = batch
        position = torch.tensor(rows)
        images = []
        for row in rows:
            try:
                images.append(read(self.paths[row], self.channels))
            except BadImage as error:  # raised here it would come with the worker's traceback
                return BadImage(f"{str(self.paths[row])!r} was readable before: {error}"), position
        return self.prepare(images, position, epoch), position


def cores() -> int:
    """This process's share of the cores, at most 16."""
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)
    return min(max(len(os.sched_getaffinity(0)) // ranks, 1), MOST_WORKERS)


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # its imports once, not in every worker
    return context


def _as_it_is(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C goes to all processes; the trainer still needs batches until it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
