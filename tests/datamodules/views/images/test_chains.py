"""The papers' chains against torchvision's on PIL images, with the parameters that were drawn."""

from itertools import permutations

import pytest
import torch
from reference_views import TRANSFORMS, reference
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from manyviews import build, config, draws
from manyviews import views as package
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.posterize import Posterize
from manyviews.datamodules.views.images.rotation import Rotation
from manyviews.datamodules.views.images.solarize import Solarize
from manyviews.datamodules.views.images.torchvision import Torchvision

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


def pictures(count, channels, size):
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, channels, 8, 8, generator=generator)
    image = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return (image * 255).round().to(torch.uint8)


def cropped(operation, picture, u):
    height, width = F.get_size(picture)
    box = [int(side) for side in operation.boxes([(height, width)], u)]
    mode = InterpolationMode(operation.interpolation)
    size = list(operation.size(height, width))
    made = F.resized_crop(picture, *box, size, mode, antialias=True)
    return made.clamp(0, 1) if isinstance(made, torch.Tensor) else made


def jittered(operation, picture, u):
    colour = F.get_num_channels(picture) == 3
    usable = [k for k in range(4 if colour else 2) if operation.strengths[k]]
    orders = [*permutations(usable)]
    for kind in orders[int(u[0, 1] * len(orders))]:
        strength = operation.strengths[kind]
        low, high = (-strength, strength) if kind == 3 else (max(0, 1 - strength), 1 + strength)
        picture = ADJUST[kind](picture, low + (high - low) * float(u[0, 2 + kind]))
    return picture


def blurred(operation, picture, u):
    low, high = operation.sigma
    sigma = low + (high - low) * float(u[0, 1])
    return F.gaussian_blur(picture, [operation.kernel_size] * 2, [sigma] * 2)


APPLIED = {
    Flip: lambda o, picture, u: F.hflip(picture),
    Jitter: jittered,
    Grayscale: lambda o, picture, u: F.rgb_to_grayscale(picture, F.get_num_channels(picture)),
    Blur: blurred,
    Solarize: lambda o, picture, u: F.solarize(
        picture, 128 / 255 if isinstance(picture, torch.Tensor) else 128
    ),
}


def by_torchvision(kind, picture, row, view):
    """One view of one PIL image or float tensor in [0, 1], from the draws of the sample."""
    for purpose, operation in kind.operations.items():
        u = draws.uniform(0, 0, torch.tensor([row]), view, purpose, operation.draws)
        if isinstance(operation, Crop):
            picture = cropped(operation, picture, u)
        elif u[0, 0] < operation.probability:
            picture = APPLIED[type(operation)](operation, picture, u)
    return F.to_dtype(F.to_image(picture), torch.float32, scale=True)


def errors(name, channels, size, picture):
    """Mean error of every view of a declaration; `picture` makes what torchvision works on."""
    image = pictures(24 if size[0] < 100 else 3, channels, size)
    composed, _ = config.compose("pretrain", [f"views={name}"])
    views, rows = build.data(composed).views, torch.arange(len(image))
    ones, zeros = (1.0,) * channels, (0.0,) * channels
    found = views(image, rows, seed=0, epoch=0, mean=zeros, std=ones)
    for view, (kind, made) in enumerate(zip(views, found, strict=True)):
        expected = [by_torchvision(kind, picture(i), row, view) for row, i in enumerate(image)]
        yield (made - torch.stack(expected)).abs().mean().item()


CHAINS = [
    *(
        (name, channels, (32, 32))
        for name in ("two_crops", "multi_crop", "swav", "simclr")
        for channels in (1, 3)
    ),
    ("barlow_twins", 1, (32, 32)),
    ("barlow_twins", 3, (36, 28)),
    ("barlow_twins_imagenet", 3, (250, 230)),
    ("swav_imagenet", 3, (240, 260)),
    ("simclr_imagenet", 3, (240, 260)),
    ("ivne_imagenet", 3, (240, 260)),
]


@pytest.mark.parametrize(("name", "channels", "size"), CHAINS)
def test_the_chains_equal_torchvisions_on_floats(name, channels, size):
    # Large images are resized as bytes, hence rounded.
    allowed = 1e-6 if size[0] < 100 else 0.5 / 255
    for error in errors(name, channels, size, lambda i: i / 255):
        assert error < allowed


@pytest.mark.parametrize(("name", "channels", "size"), CHAINS)
def test_the_chains_equal_torchvisions_on_pil_images(name, channels, size):
    # PIL turns the hue in bytes of HSV.
    hue = channels == 3 and name not in ("two_crops", "multi_crop")
    for error in errors(name, channels, size, F.to_pil_image):
        assert error < (2.5 if hue else 1) / 255


def certain():
    """Operations that leave nothing to chance."""
    return {
        "crop": Crop(20, [1.0, 1.0], [1.0, 1.0], "bicubic"),
        "flip": Flip(1.0),
        "blur": Blur(1.0, [0.7, 0.7], 5),
        "gray": Grayscale(1.0),
        "solarize": Solarize(1.0),
        "rotation": Rotation(1.0, 0.0, 0.2),
        "posterize": Posterize(1.0, 3),
        "other": Torchvision(1.0, "RandomInvert", {"p": 1.0}),
        "erasing": Erasing(1.0, [0.001, 0.001], [1.0, 1.0]),
    }


@pytest.mark.parametrize(
    "names", [[name] for name in certain()] + [["crop", "flip", "blur", "gray"]]
)
def test_a_declaration_makes_the_same_transforms_of_torchvision(names):
    view, image = View(2, {name: certain()[name] for name in names}), pictures(4, 3, (20, 20))
    made = reference(view, (20, 20), MEAN, STD)
    expected = torch.stack([made(F.to_pil_image(i)) for i in image])
    found = Views(large=view)(image, torch.arange(4), seed=0, epoch=0, mean=MEAN, std=STD)[0]
    assert (found - expected).abs().mean() * 0.225 < 1 / 255


def test_every_operation_has_its_transform():
    named = set(package.__all__) - {"series", "Operation", "View", "Views"}
    assert {getattr(package, name) for name in named} == set(TRANSFORMS)


def test_probabilities_and_strengths_are_handed_on():
    view = View(2, {"jitter": Jitter(0.3, 0.1, 0.2, 0.3, 0.4), "solarize": Solarize(0.2, 0.25)})
    made = reference(view, (8, 8), (0.5,), (0.25,))
    said = repr(made)
    assert [vars(t)["p"] for t in made.transforms[:2]] == [0.3, 0.2]
    for part in ("(0.9, 1.1)", "(0.8, 1.2)", "(0.7, 1.3)", "(-0.4, 0.4)", "threshold=64"):
        assert part in said
