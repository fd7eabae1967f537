"""A data set of a few synthetic images, two classes of stripes that differ in direction, a backbone
with noise inside, and one as small as can be."""

import torch
from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.resnet import resnet_tiny
from manyviews.datamodules.images.splits import Images, ImageSplits


def stripes(count: int = 64, size: int = 16, channels: int = 1, hostile: bool = False):
    def split(n, seed):
        generator = torch.Generator().manual_seed(seed)
        label = torch.arange(n) % 2
        phase = torch.rand(n, 1, 1, generator=generator) * 6
        axis = torch.arange(size).float()
        wave = torch.sin(axis[None, :, None] * 0.9 + phase).expand(n, size, size)
        image = torch.where(label[:, None, None] == 0, wave, wave.mT)
        noise = torch.rand(n, channels, size, size, generator=generator)
        pixels = (image[:, None] * 90 + 110 + noise * 40).clamp(0, 255)
        return Images(pixels.to(torch.uint8), label)

    names = ("<script>alert(1)</script>", "a|b") if hostile else ("across", "down")
    return ImageSplits(
        "stripes", split(count, 0), split(32, 1), names, (0.5,) * channels, (0.25,) * channels
    )


def checks(count: int = 40, channels: int = 1):
    """Other images of the same kind: darker, of 12 x 12 pixels, in three classes."""
    generator = torch.Generator().manual_seed(2)

    def split(n):
        label = torch.arange(n) % 3
        period = (label + 2).view(-1, 1, 1)
        row, column = torch.arange(12).view(1, -1, 1), torch.arange(12).view(1, 1, -1)
        check = ((row // period + column // period) % 2 * 60).float()
        noise = torch.rand(n, channels, 12, 12, generator=generator) * 60
        return Images((check[:, None] + noise).to(torch.uint8), label)

    statistics = (0.2,) * channels, (0.1,) * channels
    return ImageSplits("checks", split(count), split(15), ("a", "b", "c"), *statistics)


def noisy(*, in_channels, image_size):
    """A ResNet with dropout behind its stem."""
    backbone = resnet_tiny(stem="small", in_channels=in_channels)
    backbone.maxpool = nn.Dropout(0.3)
    return backbone


class Speck(Backbone):
    """One convolution and the mean of its maps."""

    def __init__(self, width, *, in_channels, image_size):
        super().__init__()
        self.embedding_dim, self.in_channels = width, in_channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )

    def forward(self, image):
        return self.layers(image).mean((2, 3))
