"""Every model of timm as a backbone: `backbone=timm/<name>`."""

from __future__ import annotations

from typing import Any

import timm
import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.backbones.backbone import REFUSALS, SIDES, Backbone
from manyviews.errors import ConfigError, unknown

PREFIX = "timm/"


class Model(Backbone):
    """A model of timm without its classifier, freshly initialised.

    Args:
        name: of timm.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view, for models that are built for one size.

    Raises:
        ConfigError: unknown name, or a size that the model cannot be built for.
    """

    def __init__(self, name: str, *, in_channels: int, image_size: int) -> None:
        super().__init__()
        if not timm.is_model(name):
            raise unknown("backbone", PREFIX + name, available())
        self.name, self.in_channels = name, in_channels
        try:
            self.model = _create(name, in_channels, image_size)
        except REFUSALS as error:
            raise ConfigError(
                f"{PREFIX}{name} cannot be built for {image_size} pixels; "
                f"the smallest square it takes has {_smallest(name, in_channels)}"
            ) from error
        # Not num_features: some heads end wider than their trunk (mobilenetv3, inception_next).
        self.embedding_dim = int(self.model.head_hidden_size)

    def smallest(self) -> int | None:
        """Side in pixels of the smallest square for which the model can be built."""
        return _smallest(self.name, self.in_channels)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """What timm's classifier would read."""
        return self.model(image)

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Output of each stage or block, shallow to deep."""
        return self.model.forward_intermediates(image, intermediates_only=True)


def available() -> list[str]:
    """All names, as `timm/<name>`."""
    return [PREFIX + name for name in timm.list_models()]


def _create(name: str, in_channels: int, image_size: int) -> Any:
    """With `img_size` where the model takes it, and free of it where it can be."""
    plain: dict[str, Any] = {"pretrained": False, "num_classes": 0, "in_chans": in_channels}
    sized: dict[str, Any] = {"img_size": image_size}
    for more in ({**sized, "dynamic_img_size": True}, sized):
        try:
            return timm.create_model(name, **plain, **more)
        except TypeError:  # the model has no such argument
            continue
    return timm.create_model(name, **plain)


@torch.no_grad()
def _smallest(name: str, in_channels: int) -> int | None:
    for side in SIDES:
        try:
            _create(name, in_channels, side).eval()(torch.zeros(1, in_channels, side, side))
        except REFUSALS:
            continue
        return side
    return None
