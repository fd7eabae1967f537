"""Random views: CPU time per view on one thread.

All sides are built from the same declaration in conf/views/. *PIL v1* and *PIL v2* are the two sets
of transforms of torchvision, applied to one PIL image after the other, as most training code does;
*tensor v2* is the second set on one uint8 tensor after the other; *kornia* works on whole batches.
The views of 224 pixels are cut from images of 256 pixels in memory; those of `barlow_twins` have
the paper's blur unless the case says otherwise. Agreement: the largest difference of our crops from
torchvision's at equal boxes, and the mean and deviation of all pixels of the peer less ours (the
chains are compared view by view in tests/datamodules/views/images/test_chains.py). With one channel
kornia's brightness is a shift, not a factor, so that its views differ. Memory is the largest sum of
torch's tensors at one time, per view, in kB; Pillow's own memory is not counted. Operations and
waits are those of one call for all views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import kornia.augmentation as K  # pyright: ignore[reportMissingImports]
import torch
from costs import counts, peak_bytes
from kornia.constants import Resample  # pyright: ignore[reportMissingImports]
from page import Row, digits
from reference_views import reference
from torch import Tensor, nn
from torchvision import transforms as v1
from torchvision.transforms import functional as F
from windows import alternate

from manyviews import build, config
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.images.splits import Images, ImageSplits
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.pipeline import View
from manyviews.datamodules.views.images.solarize import Solarize

CASES = (  # declaration, pixels of the source, channels, True if it keeps its blur
    ("two_crops", 32, 1, True),
    ("two_crops", 32, 3, True),
    ("swav", 32, 3, True),
    ("barlow_twins", 32, 3, True),
    ("two_crops", 256, 1, True),
    ("barlow_twins_imagenet", 256, 3, False),
    ("barlow_twins_imagenet", 256, 3, True),
)
OURS = "manyviews"
GOALS = {(32, "PIL v1"): 6.0, (32, "kornia"): 2.5}  # ratio by pixels of the source and peer


def rows(windows: int) -> Iterator[Row]:
    """Compare every case with every peer."""
    for declared, size, channels, blurs in CASES:
        batch, few = (256, 64) if size == 32 else (32, 8)
        made = data(declared, size, channels, batch, blurs=blurs)
        views, pixels = len([*made.views]), max(map(max, made.views.sizes(size, size)))
        sides = contenders(made, few)
        found = alternate({n: w for n, (w, _) in sides.items()}, windows=min(windows, 7))
        per_view = {n: [s / (views * c) for s in found[n]] for n, (_, c) in sides.items()}
        peak = {n: peak_bytes(w) / (views * c) / 1e3 for n, (w, c) in sides.items()}
        tally = {n: counts(w) for n, (w, _) in sides.items()}
        crop = crop_difference(made)
        for peer in [name for name in sides if name != OURS]:
            said = [f"{tally[n].operations} ({tally[n].waits})" for n in (peer, OURS)]
            far = moments(sides[peer][0]) - moments(sides[OURS][0])
            goal = GOALS.get((size, peer))
            yield Row(
                f"{declared}{'' if blurs else ' without blur'}, {pixels} px, {channels} channels",
                peer,
                OURS,
                "us",
                (per_view[peer], per_view[OURS]),
                f"crop {crop:.0e}; mean {far[0]:+.3f}, deviation {far[1]:+.3f}",
                f"{digits(peak[peer])} / {digits(peak[OURS])}",
                ("at least", goal) if goal else None,
                besides=f"operations (waits): {' / '.join(said)}" if peer == "kornia" else "",
            )


Side = tuple[Callable[[], list[Tensor]], int]  # makes all views of a batch, and its size


def contenders(made: ImageData, few: int) -> dict[str, Side]:
    """Return every side by its name; those that take one image at a time get only a few."""
    sample = made.splits.train.sample(torch.arange(len(made.splits.train.label)))
    image, label = sample.input, sample.label
    pictures = [F.to_pil_image(i) for i in image[:few]]
    kinds, declared = [*made.views], (made.splits.size, made.splits.mean, made.splits.std)
    chains = [reference(view, *declared) for view in kinds]
    sides: dict[str, Side] = {
        "PIL v1": (partial(one_by_one, [first_set(v, *declared) for v in kinds], pictures), few),
        "PIL v2": (partial(one_by_one, chains, pictures), few),
        "tensor v2": (partial(one_by_one, chains, [*image[:few]]), few),
        "kornia": (
            partial(at_once, [kornia_chain(v, made.splits) for v in kinds], image),
            len(label),
        ),
        OURS: (lambda: made.make_batch(sample, epoch=0).views, len(label)),
    }
    return sides


def data(declared: str, size: int, channels: int, batch: int, *, blurs: bool) -> ImageData:
    """Return a batch of smooth noise with a declaration of views."""
    noise = torch.rand(
        batch, channels, size // 4, size // 4, generator=torch.Generator().manual_seed(0)
    )
    smooth = nn.functional.interpolate(noise, size=(size, size), mode="bicubic").clamp(0, 1)
    images = Images((smooth * 255).to(torch.uint8), torch.zeros(batch, dtype=torch.int64))
    more = (
        ["views.large.operations.crop.size=224"] if (declared, size) == ("two_crops", 256) else []
    )
    kinds = () if blurs else ("first", "second")
    more += [f"views.{kind}.operations.blur.probability=0" for kind in kinds]
    composed, _ = config.compose("pretrain", [f"views={declared}", f"batch_size={batch}", *more])
    made = cast(ImageData, build.data(composed))
    made.splits = ImageSplits(
        "noise", images, images, ("noise",), (0.5,) * channels, (0.25,) * channels
    )
    return made


def first_set(
    view: View, size: tuple[int, int], mean: tuple[float, ...], std: tuple[float, ...]
) -> Callable[[Any], Tensor]:
    """Return the chain that a view declares, of torchvision's first set of transforms."""
    make: dict[type, Callable[[Any], Any]] = {
        Crop: lambda o: v1.RandomResizedCrop(
            o.size(*size), o.scale, o.ratio, v1.InterpolationMode(o.interpolation), antialias=True
        ),
        Flip: lambda o: v1.RandomHorizontalFlip(o.probability),
        Jitter: lambda o: v1.RandomApply([v1.ColorJitter(*o.strengths)], o.probability),
        Grayscale: lambda o: v1.RandomGrayscale(o.probability),
        Blur: lambda o: v1.RandomApply([v1.GaussianBlur(o.kernel_size, o.sigma)], o.probability),
        Solarize: lambda o: v1.RandomSolarize(128, o.probability),
    }
    operations = [make[type(o)](o) for o in view.operations.values()]
    return v1.Compose([*operations, v1.ToTensor(), v1.Normalize(mean, std)])


def kornia_chain(view: View, splits: ImageSplits) -> nn.Sequential:
    """Return the chain that a view declares, of kornia; a whole batch shares its colour order."""
    grey = splits.channels == 1
    make: dict[type, Callable[[Any], list[nn.Module]]] = {
        Crop: lambda o: [
            K.RandomResizedCrop(
                o.size(*splits.size),
                o.scale,
                o.ratio,
                resample=Resample[o.interpolation.upper()].name,
            )
        ],
        Flip: lambda o: [K.RandomHorizontalFlip(o.probability)],
        Jitter: lambda o: _kornia_jitter(o, grey),
        Grayscale: lambda o: [] if grey else [K.RandomGrayscale(p=o.probability)],
        Blur: lambda o: [
            K.RandomGaussianBlur((o.kernel_size,) * 2, tuple(o.sigma), p=o.probability)
        ],
        Solarize: lambda o: [K.RandomSolarize(thresholds=0.0, additions=0.0, p=o.probability)],
    }
    chain = [m for o in view.operations.values() for m in make[type(o)](o)]
    mean, std = (torch.tensor(s) for s in (splits.mean, splits.std))
    return nn.Sequential(*chain, K.Normalize(mean, std))


def _kornia_jitter(jitter: Jitter, grey: bool) -> list[nn.Module]:
    brightness, contrast, saturation, hue = jitter.strengths
    p = jitter.probability
    if grey:  # kornia's ColorJitter takes images of three channels only
        ranges = [(max(0.0, 1 - s), 1 + s) for s in (brightness, contrast)]
        return [K.RandomBrightness(ranges[0], p=p), K.RandomContrast(ranges[1], p=p)]
    return [K.ColorJitter(brightness, contrast, saturation, hue, p=p)]


def one_by_one(chains: list[Callable[[Any], Tensor]], pictures: list[Any]) -> list[Tensor]:
    """Return all views, made of one image after the other."""
    return [torch.stack([chain(p) for p in pictures]) for chain in chains]


def at_once(chains: list[nn.Sequential], image: Tensor) -> list[Tensor]:
    """Return all views, made of the whole batch at once."""
    scaled = image.float() / 255
    return [chain(scaled) for chain in chains]


def moments(side: Callable[[], list[Tensor]]) -> Tensor:
    """Return mean and deviation of all pixels of all views, over four calls."""
    made = [view for _ in range(4) for view in side()]
    pixels = torch.cat([view.flatten() for view in made])
    return torch.stack([pixels.mean(), pixels.std()])


def crop_difference(made: ImageData) -> float:
    """Return the largest difference of eight crops from torchvision's at equal boxes, in 0..1."""
    crop = next(o for o in next(iter(made.views)).operations.values() if isinstance(o, Crop))
    image = made.splits.train.sample(torch.arange(8)).input.float() / 255
    draws = torch.rand(8, crop.draws, generator=torch.Generator().manual_seed(0))
    boxes = torch.stack([*crop.boxes([made.splits.size], draws)], 1).tolist()
    mode = v1.InterpolationMode(crop.interpolation)
    size = list(crop.size(*made.splits.size))
    theirs = [
        F.resized_crop(i, top, left, height, width, size, mode, antialias=True).clamp(0, 1)
        for i, (top, left, height, width) in zip(image, boxes, strict=True)
    ]
    return float((crop(image, draws) - torch.stack(theirs)).abs().max())
