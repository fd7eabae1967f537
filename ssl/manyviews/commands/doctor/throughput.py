"""Speed of the views on this machine in images per second, by number of worker processes."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from itertools import cycle, islice, repeat

import torch
from lightning_fabric.utilities import move_data_to_device

from manyviews import draws
from manyviews.batch import Sample
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.images.files import ImageFiles, cores
from manyviews.datamodules.images.splits import Images

FILES_AT_ONCE = 32  # images per batch; small, so that a short timing has many batches
NEARLY_BEST = 0.9  # share of the best speed that suffices: more workers only take memory
MOST_BATCHES = 5000  # of one timing


def speeds(data: ImageData, device: torch.device, seconds: float) -> dict[int, float]:
    """Return images per second by number of workers: 0, 1, 2, 4 ... up to one per core.

    Images in memory need no workers, so they are timed with 0 only.

    The timing covers everything before the backbone: decoding and cropping in the workers, and the
    rest of the views on `device`.

    Args:
        data: the data set and its views.
        device: device that makes the views.
        seconds: least duration of the timing for each number of workers.
    """
    images = data.splits.train
    if isinstance(images, Images):
        return {0: _speed(data, images, device, seconds)}
    made = {}
    for workers in worker_counts(cores()):
        files = copy.copy(images)  # the data set keeps its own number of workers
        files.workers = workers
        made[workers] = _speed(data, files, device, seconds)
    return made


def worker_counts(most: int) -> list[int]:
    """Return the numbers of workers to time.

    >>> worker_counts(6)
    [0, 1, 2, 4, 6]
    """
    return sorted({0, most, *(2**i for i in range(most.bit_length()))})


def fewest_workers(speed: dict[int, float]) -> int:
    """Return the smallest number of workers that comes close to the best speed.

    >>> fewest_workers({0: 90.0, 1: 100.0, 2: 190.0, 4: 200.0})
    2
    """
    return min(n for n, images in speed.items() if images >= NEARLY_BEST * max(speed.values()))


def speed_of_views(data: ImageData, device: torch.device, seconds: float) -> float:
    """Return images per second of the part after decoding and cropping, on `device`."""
    images = data.splits.train
    rows = draws.permutation(data.seed, 0, len(images.label))[: _batch_size(data)]
    return _rate(repeat(images.sample(rows, data.prepare(), 0)), data, device, seconds, warm=1)


def _speed(
    data: ImageData, images: Images | ImageFiles, device: torch.device, seconds: float
) -> float:
    """Return images per second from reading to views, for one number of workers."""
    size, workers = _batch_size(data), getattr(images, "workers", 0)
    order = draws.permutation(data.seed, 0, len(images.label))
    batches = list(islice(cycle(order[: len(order) // size * size].split(size)), MOST_BATCHES))
    stream = images.samples(batches, data.prepare(), 0)
    # When the first batch arrives, two per worker are ready: they would look too fast.
    return _rate(stream, data, device, seconds, warm=1 + 2 * workers)


def _batch_size(data: ImageData) -> int:
    """Return the batch size of the timing."""
    most = FILES_AT_ONCE if isinstance(data.splits.train, ImageFiles) else data.batch_size
    return min(most, len(data.splits.train.label))


def _rate(
    stream: Iterable[Sample], data: ImageData, device: torch.device, seconds: float, warm: int
) -> float:
    """Return images per second of a stream of batches; the first `warm` ones are not counted."""
    start, images = 0.0, 0
    for number, sample in enumerate(stream, 1 - warm):
        data.make_batch(move_data_to_device(sample, device), 0)
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # a GPU works asynchronously
        if number == 0:
            start = time.perf_counter()
        images += len(sample.position) if number > 0 else 0
        if number > 0 and time.perf_counter() - start > seconds:
            break
    return images / (time.perf_counter() - start)
