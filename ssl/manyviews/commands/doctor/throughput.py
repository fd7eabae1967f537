"""Images per second that become views on this machine, by the number of worker processes."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from itertools import cycle, islice, repeat

import torch
from lightning_fabric.utilities import move_data_to_device

from manyviews import draws
from manyviews.batch import Sample
from manyviews.datamodules.images.datamodule import ImageData, Images
from manyviews.datamodules.images.files import ImageFiles, cores

FILES_AT_ONCE = 32  # images of a batch, so that a short look sees many
ENOUGH = 0.9  # of the best speed: more workers only take memory
MOST_BATCHES = 5000


def speeds(data: ImageData, device: torch.device, seconds: float) -> dict[int, float]:
    """Images per second by workers: 0, 1, 2, 4 up to a core each; 0 alone for images in memory.

    What is timed is all that comes before the backbone: decoding and cropping by the workers, the
    rest of the views on `device`.

    Args:
        data: the data set and its views.
        device: where the views are made.
        seconds: that each number of workers is timed for, at the least.
    """
    images = data.splits.train
    if isinstance(images, Images):
        return {0: _speed(data, images, device, seconds)}
    made = {}
    for workers in counts(cores()):
        files = copy.copy(images)
        files.workers = workers
        made[workers] = _speed(data, files, device, seconds)
    return made


def counts(most: int) -> list[int]:
    """Numbers of workers that are tried.

    >>> counts(6)
    [0, 1, 2, 4, 6]
    """
    return sorted({0, most, *(2**i for i in range(most.bit_length()))})


def enough(speed: dict[int, float]) -> int:
    """The fewest workers that come close to the best speed.

    >>> enough({0: 90.0, 1: 100.0, 2: 190.0, 4: 200.0})
    2
    """
    return min(n for n, images in speed.items() if images >= ENOUGH * max(speed.values()))


def speed_of_views(data: ImageData, device: torch.device, seconds: float) -> float:
    """Images per second of what is left when workers have done their part, on `device`."""
    images = data.splits.train
    rows = draws.permutation(data.seed, 0, len(images.label))[: _at_once(data)]
    return _rate(repeat(images.sample(rows, data.prepare(), 0)), data, device, seconds, warm=1)


def _speed(
    data: ImageData, images: Images | ImageFiles, device: torch.device, seconds: float
) -> float:
    size, workers = _at_once(data), getattr(images, "workers", 0)
    order = draws.permutation(data.seed, 0, len(images.label))
    batches = list(islice(cycle(order[: len(order) // size * size].split(size)), MOST_BATCHES))
    stream = images.samples(batches, data.prepare(), 0)
    # That many batches lie ready when the first one comes.
    return _rate(stream, data, device, seconds, warm=1 + 2 * workers)


def _at_once(data: ImageData) -> int:
    most = FILES_AT_ONCE if isinstance(data.splits.train, ImageFiles) else data.batch_size
    return min(most, len(data.splits.train.label))


def _rate(
    stream: Iterable[Sample], data: ImageData, device: torch.device, seconds: float, warm: int
) -> float:
    start, images = 0.0, 0
    for number, sample in enumerate(stream, 1 - warm):
        data.make_batch(move_data_to_device(sample, device), 0)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number == 0:
            start = time.perf_counter()
        images += len(sample.position) if number > 0 else 0
        if number > 0 and time.perf_counter() - start > seconds:
            break
    return images / (time.perf_counter() - start)
