"""ResNets for small and ImageNet-sized images.

He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", 2015, arXiv 1512.03385.
Layer names follow torchvision, so its weights load. Deviation: the stem for small images is a 3 x 3
convolution without max-pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.backbone import Backbone

Stem = Literal["small", "imagenet"]


def _conv(inner: int, outer: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias; the batch norm after it has one."""
    return nn.Conv2d(inner, outer, size, stride, padding=size // 2, bias=False)


class Residual(nn.Module):
    """A residual block relu(x + f(x)); f is two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1.

    Args:
        inner: number of input channels.
        width: channels of the convolutions inside the block.
        stride: 2 halves height and width.
        expansion: output channels / width: 1 for two convolutions, 4 for three (a bottleneck).
    """

    def __init__(self, inner: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        outer = width * expansion
        if expansion == 1:
            convs = [_conv(inner, width, 3, stride), _conv(width, width, 3)]
        else:  # the stride sits in the 3 x 3 convolution, as in torchvision
            convs = [_conv(inner, width, 1), _conv(width, width, 3, stride), _conv(width, outer, 1)]
        self.depth = len(convs)
        for i, conv in enumerate(convs, 1):
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm2d(conv.out_channels))
        same = stride == 1 and inner == outer
        self.downsample = (
            nn.Identity() if same else nn.Sequential(_conv(inner, outer, 1), nn.BatchNorm2d(outer))
        )
        self.stride = stride

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B c h w"]:
        """Return the activations for the next block."""
        y = x
        for i in range(1, self.depth + 1):
            y = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(y))
            y = F.relu(y, inplace=True) if i < self.depth else y
        # A pool of one pixel takes every other pixel. On a CPU this and a 1 x 1 convolution take a
        # third of the time of a convolution with a stride, to the same bits; a slice would do too,
        # but its gradient would lose the channels-last layout.
        chosen = x if self.stride == 1 else F.avg_pool2d(x, 1, self.stride)
        return F.relu(y.add_(self.downsample(chosen)), inplace=True)


class ResNet(Backbone):
    """A ResNet: a stem, residual stages, and the mean over the last feature map as embedding.

    Args:
        layers: number of residual blocks in each stage.
        widths: channels of each stage before expansion; every stage but the first halves the map.
        expansion: 1 for basic blocks, 4 for bottlenecks.
        stem: "small" (3 x 3) or "imagenet" (7 x 7 with stride 2, then max-pooling).
        in_channels: number of channels of the images.
        stem_stride: stride of the small stem.
    """

    classifier = ("fc",)  # the classifier in torchvision's weight files, which fit this class

    def __init__(
        self,
        layers: Sequence[int],
        widths: Sequence[int],
        *,
        expansion: int,
        stem: Stem,
        in_channels: int,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        width = widths[0]
        if stem == "small":
            self.conv1, self.maxpool = _conv(in_channels, width, 3, stem_stride), nn.Identity()
        else:
            self.conv1 = _conv(in_channels, width, 7, 2)
            self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.stages = len(layers)
        for i, (blocks, outer) in enumerate(zip(layers, widths, strict=True), 1):
            strides = [1 if i == 1 else 2] + [1] * (blocks - 1)
            stage = []
            for stride in strides:
                stage.append(Residual(width, outer, stride, expansion))
                width = outer * expansion
            self.add_module(f"layer{i}", nn.Sequential(*stage))
        self.embedding_dim, self.in_channels = width, in_channels
        self.total_stride = (stem_stride if stem == "small" else 4) * 2 ** (len(layers) - 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @torch.no_grad()
    def begin_as_identity(self) -> None:
        """Initialise every residual branch to zero output, as Barlow Twins' code does."""
        for module in self.modules():
            if isinstance(module, Residual):
                nn.init.zeros_(module.get_parameter(f"bn{module.depth}.weight"))

    def takes(self, *size: int) -> bool:
        """Return True if no side is smaller than the total stride, one pixel of the last map."""
        return min(size) >= self.total_stride

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Return the output of each stage, from shallow to deep."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(image)), inplace=True))
        maps = []
        for i in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{i}")(x)
            maps.append(x)
        return maps

    def parts_by_stage(self) -> list[list[str]]:
        """Return the names of each stage's parts; the stem is in the first stage."""
        layers = [f"layer{i}" for i in range(1, self.stages + 1)]
        return [["conv1", "bn1", layers[0]], *([layer] for layer in layers[1:])]

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """Return the mean over the pixels of the last feature map."""
        # Permuted first, so that the gradient keeps the channels-last layout.
        return self.feature_maps(image)[-1].permute(0, 2, 3, 1).flatten(1, 2).mean(1)


def resnet_tiny(*, stem: Stem, in_channels: int) -> ResNet:
    """Return three stages of one basic block, 32-64-128 channels, stride-2 stem: for two cores."""
    return _three_blocks([32, 64, 128], stem, in_channels)


def resnet_slim(*, stem: Stem, in_channels: int) -> ResNet:
    """Return `resnet_tiny` with 16-48-192 channels: D = 192 for four fifths of the time."""
    return _three_blocks([16, 48, 192], stem, in_channels)


def _three_blocks(widths: list[int], stem: Stem, in_channels: int) -> ResNet:
    """Return a basic block of each width behind a stem with stride 2."""
    return ResNet([1, 1, 1], widths, expansion=1, stem=stem, in_channels=in_channels, stem_stride=2)


def resnet18(*, stem: Stem, in_channels: int) -> ResNet:
    """Return ResNet-18: D = 512, 11 million parameters."""
    return ResNet(
        [2, 2, 2, 2], [64, 128, 256, 512], expansion=1, stem=stem, in_channels=in_channels
    )


def resnet34(*, stem: Stem, in_channels: int) -> ResNet:
    """Return ResNet-34: D = 512, 21 million parameters."""
    return ResNet(
        [3, 4, 6, 3], [64, 128, 256, 512], expansion=1, stem=stem, in_channels=in_channels
    )


def resnet50(*, stem: Stem, in_channels: int) -> ResNet:
    """Return ResNet-50: D = 2048, 24 million parameters."""
    return ResNet(
        [3, 4, 6, 3], [64, 128, 256, 512], expansion=4, stem=stem, in_channels=in_channels
    )
