"""Batched views against torchvision's transforms, one image after the other, on this CPU.

    python benchmarks/views.py           # a few seconds

Both make the same two views of the same images: crop, flip, brightness and contrast, normalise, as
`views=two_crops` declares them. Windows alternate in one process; the figure is the median ratio.
That both compute the same is proven in tests/datamodules/test_views.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torchvision.transforms import v2

from manyviews import build, config

BATCH, WINDOWS = 256, 15


def main() -> None:
    """Print microseconds per view and the ratio."""
    torch.set_num_threads(1)
    composed, _ = config.compose("pretrain", ["experiment=demo"])
    data = build.data(composed)
    sample = next(iter(data.train_dataloader()))
    images = [v2.functional.to_pil_image(image) for image in sample.input]
    operations = composed["views"]["large"]["operations"]
    crop, jitter = operations["crop"], operations["jitter"]
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(data.splits.size, crop["scale"], crop["ratio"], antialias=True),
            v2.RandomHorizontalFlip(operations["flip"]["probability"]),
            v2.RandomApply(
                [v2.ColorJitter(jitter["brightness"], jitter["contrast"])], jitter["probability"]
            ),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(data.splits.mean, data.splits.std),
        ]
    )
    contenders: dict[str, Callable[[], object]] = {
        "manyviews, batched": lambda: data.make_batch(sample, epoch=0),
        "torchvision, image by image": lambda: [
            torch.stack([transform(image) for image in images]) for _ in range(2)
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(WINDOWS):
        for name, work in contenders.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    views = 2 * len(images)
    for name, times in seconds.items():
        print(f"{name:<28} {median(times) / views * 1e6:8.1f} us per view")
    ours, theirs = seconds.values()
    ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
    print(f"ratio of medians over {WINDOWS} alternating windows: {ratio:.1f}")


if __name__ == "__main__":
    main()
