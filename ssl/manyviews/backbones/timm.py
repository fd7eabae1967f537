"""Every model of timm as a backbone: `backbone=timm/<name>`."""

from __future__ import annotations

from typing import Any

import timm
import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.sizes import REFUSALS, that_pass
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
            self.model, self.one_size = _create(name, in_channels, image_size)
        except REFUSALS as error:
            raise ConfigError(
                f"{PREFIX}{name} cannot be built for {image_size} pixels; "
                f"{that_pass(lambda side: _takes(name, in_channels, side), image_size)}"
            ) from error
        # Not num_features: some heads end wider than their trunk (mobilenetv3, inception_next).
        self.embedding_dim = int(self.model.head_hidden_size)

    def could_take(self, side: int) -> bool:
        """Whether squares of this side pass, or would if it were built for them."""
        if self.one_size:
            return _takes(self.name, self.in_channels, side)
        return self.takes(side, side)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """What timm's classifier would read."""
        return self.model(image)

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Output of each stage or block, shallow to deep."""
        return self.model.forward_intermediates(image, intermediates_only=True)


def available() -> list[str]:
    """All names, as `timm/<name>`."""
    return [PREFIX + name for name in timm.list_models()]


def _create(name: str, in_channels: int, image_size: int) -> tuple[Any, bool]:
    """The model, and whether it was built for one size; free of it where it can be."""
    plain: dict[str, Any] = {"pretrained": False, "num_classes": 0, "in_chans": in_channels}
    sized: dict[str, Any] = {"img_size": image_size}
    for more, one_size in (({**sized, "dynamic_img_size": True}, False), (sized, True)):
        try:
            return timm.create_model(name, **plain, **more), one_size
        except TypeError:  # the model has no such argument
            continue
    return timm.create_model(name, **plain), False


@torch.no_grad()
def _takes(name: str, in_channels: int, side: int) -> bool:
    """Whether the model can be built for squares of this side."""
    try:
        _create(name, in_channels, side)[0].eval()(torch.zeros(1, in_channels, side, side))
    except REFUSALS:
        return False
    return True
