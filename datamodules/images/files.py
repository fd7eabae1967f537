"""Images that stay on disk: worker processes decode each once per epoch and cut all its views."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from manyviews.batch import Sample
from manyviews.datamodules.images.clean import Clean
from manyviews.datamodules.images.decode import BadImage, Channels, read
from manyviews.hardware import usable_cores, worker_context

MOST_WORKERS = 16  # each is a process and takes memory
FEW = 128  # so many images are decoded in about the time that it takes to begin workers
Prepared = UInt8[Tensor, "B C h w"] | list[UInt8[Tensor, "B C _ _"]]


@runtime_checkable
class Prepare(Protocol):
    """A function that workers apply to the decoded pictures of a batch; it must be picklable."""

    def __call__(
        self, images: list[Image.Image], position: Int64[Tensor, " B"], epoch: int
    ) -> Prepared:
        """Return a batch of images of one size, or a list of batches, one per view."""
        ...


class ImageFiles:
    """One split as files, which are decoded whenever a batch needs them.

    Args:
        paths: files that the scan could read.
        label: int64 (N,), -1 if unknown.
        digest: uint8 (N, 16), hash of the content of each file.
        size: height and width in pixels of the clean images that evaluation reads.
        channels: channels of every decoded image, 1 or 3.
        workers: processes that decode, 0 for none; None: this process's share of the cores, or none
            for an epoch of 128 images or fewer.
        white: value that becomes 255 in files of more than 8 bits; None: that of each file.
        group: int64 (N,), group of each file, -1 if unknown; None if there are no groups.
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
        white: int | None = None,
        group: Int64[Tensor, " N"] | None = None,
    ) -> None:
        self.paths, self.label, self.digest = list(paths), label, digest
        self.size, self.workers = size, workers
        self.white, self.group = white, group
        self.channels: Channels = channels

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """Return these rows, decoded in this process; without `prepare` as clean images."""
        decoded = _Decoded(self, prepare or Clean(self.size))
        return self._sample(*decoded.__getitems__((epoch, rows.tolist())))

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " _"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """Yield the batches in order, prepared by workers; without `prepare` as clean images."""
        workers = self._workers(sum(map(len, batches)))
        loader = DataLoader(
            _Decoded(self, prepare or Clean(self.size)),
            batch_sampler=[(epoch, rows.tolist()) for rows in batches],  # pyright: ignore[reportArgumentType]
            num_workers=workers,
            collate_fn=_identity,
            worker_init_fn=_ignore_interrupts,
            multiprocessing_context=_server() if workers else None,
            pin_memory=torch.cuda.is_available(),
        )
        for made, rows in loader:
            yield self._sample(made, rows)

    def _workers(self, images: int) -> int:
        """Return the number of processes that decode so many images."""
        if self.workers is not None:
            return self.workers
        return 0 if images <= FEW else cores()

    def _sample(self, made: Any, rows: Int64[Tensor, " B"]) -> Sample:
        """Return what a worker made as a sample; raise if it is an error."""
        if isinstance(made, BadImage):  # returned by a worker, see `_Decoded`
            raise made
        group = None if self.group is None else self.group[rows]
        return Sample(made, self.label[rows], rows, group=group)

    def fingerprint(self) -> dict[str, Any]:
        """Return a digest over the content of the files and their labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.digest).tobytes())
        digest.update(self.label.numpy().tobytes())
        return {"sha256": digest.hexdigest()}


class _Decoded(Dataset):
    """A dataset whose items are whole batches, by (epoch, rows)."""

    def __init__(self, files: ImageFiles, prepare: Prepare) -> None:
        self.paths, self.prepare = files.paths, prepare
        self.white = files.white
        self.channels: Channels = files.channels

    def __getitems__(self, batch: tuple[int, list[int]]) -> tuple[Prepared | BadImage, Tensor]:
        # PyTorch calls this method, if it exists, with a whole batch at once.
        epoch, rows = batch
        position = torch.tensor(rows)
        images = []
        for row in rows:
            try:
                images.append(read(self.paths[row], self.channels, self.white))
            except BadImage as error:  # raised in a worker, it would carry a long traceback
                return BadImage(f"{str(self.paths[row])!r} was readable before: {error}"), position
        return self.prepare(images, position, epoch), position


def cores() -> int:
    """Return this process's share of the cores, at most 16."""
    # Launchers such as torchrun set these variables; ranks of one machine share its cores.
    given = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or "1"
    ranks = max(int(given), 1) if given.isdecimal() else 1
    return min(max(usable_cores() // ranks, 1), MOST_WORKERS)


def _server() -> BaseContext:
    """Return a context that begins workers from a fresh process, if it forks with imports done."""
    context = worker_context()
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload([__name__])  # import once, not in every worker
    return context


def _identity(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Let workers survive Ctrl-C and SIGTERM: the trainer needs batches until it has saved.

    A scheduler tells all processes of a job. Workers end when their trainer does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
