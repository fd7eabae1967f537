"""Batched views against torchvision's transforms on PIL images; writes docs/performance.md.

    python benchmarks/views.py           # about a minute

Both are built from the same declaration and make all views of the same images. Windows alternate in
one process on one thread; the figure is the median of the ratios of neighbouring windows with its
quartiles. That both compute the same is proven in tests/datamodules/test_views.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode

from manyviews import build, config
from manyviews.datamodules.images import ImageData, Images, ImageSplits
from manyviews.datamodules.views import Blur, Crop, Flip, Grayscale, Jitter, Solarize, View
from manyviews.hardware import environment

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BATCH, WINDOWS = 256, 15
CASES = ("two_crops", "multi_crop", "swav", "barlow_twins")
HEAD = """# Performance

Made by `make bench`. Microseconds per view on one thread of {processor}, torch {torch}; batches of
{batch} images of 32 x 32 pixels in memory. Both sides are built from the same declaration and make
the same views, equal to 1e-5 (`tests/datamodules/test_views.py`); torchvision works on PIL images,
one after the other, as its users do. The ratio is the median over {windows} pairs of alternating
windows, with quartiles.

| views | channels | torchvision, us | manyviews, us | ratio |
| --- | --- | --- | --- | --- |
"""
REFERENCE: dict[type, Callable[[Any, tuple[int, int]], Any]] = {
    Crop: lambda o, size: v2.RandomResizedCrop(
        o.size(*size), o.scale, o.ratio, InterpolationMode(o.interpolation), antialias=True
    ),
    Flip: lambda o, _: v2.RandomHorizontalFlip(o.probability),
    Jitter: lambda o, _: v2.RandomApply([v2.ColorJitter(*o.strengths)], o.probability),
    Grayscale: lambda o, _: v2.RandomGrayscale(o.probability),
    Blur: lambda o, _: v2.RandomApply([v2.GaussianBlur(o.kernel_size, o.sigma)], o.probability),
    Solarize: lambda o, _: v2.RandomSolarize(128, o.probability),
}


def data(views: str, channels: int) -> ImageData:
    """A batch of noise under a declaration of views."""
    image = torch.randint(0, 256, (BATCH, channels, 32, 32), dtype=torch.uint8)
    images = Images(image, torch.zeros(BATCH, dtype=torch.int64))
    composed, _ = config.compose("pretrain", [f"views={views}", f"batch_size={BATCH}"])
    made = build.data(composed)
    made.splits = ImageSplits(
        "noise", images, images, ("noise",), (0.5,) * channels, (0.25,) * channels
    )
    return made


def reference(view: View, splits: ImageSplits) -> v2.Compose:
    """The transforms of torchvision that a view kind declares."""
    operations = [REFERENCE[type(o)](o, splits.size) for o in view.operations.values()]
    to_tensor = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    return v2.Compose([*operations, *to_tensor, v2.Normalize(splits.mean, splits.std)])


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def row(views: str, channels: int) -> str:
    """A row of the table."""
    made = data(views, channels)
    sample = made.splits.train.sample(torch.arange(BATCH))
    pictures = [v2.functional.to_pil_image(i) for i in sample.input]
    transforms = [reference(view, made.splits) for view in made.views]
    pairs = torch.tensor(
        [
            (
                seconds(lambda: [torch.stack([t(p) for p in pictures]) for t in transforms]),
                seconds(lambda: made.make_batch(sample, epoch=0)),
            )
            for _ in range(WINDOWS)
        ]
    )
    theirs, ours = (pairs.median(0).values / (len(transforms) * BATCH) * 1e6).tolist()
    low, ratio, high = (
        (pairs[:, 0] / pairs[:, 1]).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    )
    spread = f"{ratio:.1f} ({low:.1f} to {high:.1f})"
    return f"| {views} | {channels} | {theirs:.0f} | {ours:.1f} | {spread} |"


def main() -> None:
    """Measure every case, then write the page."""
    torch.set_num_threads(1)
    rows = []
    for views in CASES:
        for channels in (1, 3):
            rows.append(row(views, channels))
            print(rows[-1])
    head = HEAD.format(batch=BATCH, windows=WINDOWS, **environment())
    PAGE.write_text(head + "\n".join([*rows, ""]))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
