"""Every model of timm as a backbone: `backbone=timm/<name>`."""

from __future__ import annotations

from typing import Any

import timm
import torch
from jaxtyping import Float
from timm.models import group_parameters
from torch import Tensor

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.sizes import REFUSALS, that_pass
from manyviews.errors import ConfigError, unknown

PREFIX = "timm/"


class Model(Backbone):
    """A model of timm without its classifier.

    Args:
        name: of timm.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view, for models that are built for one size.
        pretrained: with the weights that timm downloads, instead of freshly initialised.

    Raises:
        ConfigError: unknown name, a size that the model cannot be built for, or no weights to be
            had.
    """

    prefix = "model."

    def __init__(
        self, name: str, *, in_channels: int, image_size: int, pretrained: bool = False
    ) -> None:
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
        if pretrained:
            self.model, self.begins_with = _downloaded(name, in_channels, image_size)
        heads = self.model.pretrained_cfg.get("classifier") or ()
        self.classifier = (heads,) if isinstance(heads, str) else tuple(heads)
        # Not num_features: some heads end wider than their trunk (mobilenetv3, inception_next).
        self.embedding_dim = int(self.model.head_hidden_size)

    def parts_by_stage(self) -> list[list[str]]:
        """Parameters of each stage or block; empty where timm does not group them."""
        if not hasattr(self.model, "group_matcher"):
            return []
        groups = group_parameters(self.model, self.model.group_matcher(coarse=True))
        stem, *stages = (groups[number] for number in sorted(groups))
        return [[*stem, *stages[0]], *stages[1:]] if stages else [stem]

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


def _create(
    name: str, in_channels: int, image_size: int, pretrained: bool = False
) -> tuple[Any, bool]:
    """The model, and whether it was built for one size; free of it where it can be."""
    plain: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0, "in_chans": in_channels}
    sized: dict[str, Any] = {"img_size": image_size}
    for more, one_size in (({**sized, "dynamic_img_size": True}, False), (sized, True)):
        try:
            return timm.create_model(name, **plain, **more), one_size
        except TypeError:  # the model has no such argument
            continue
    return timm.create_model(name, **plain), False


def _downloaded(name: str, in_channels: int, image_size: int) -> tuple[Any, str]:
    """The model with the weights that timm keeps for it, and where they come from."""
    try:
        model, _ = _create(name, in_channels, image_size, pretrained=True)
    except Exception as error:  # of the network, the hub or timm, each with kinds of its own
        reason = " ".join(str(error).split())[:150]
        raise ConfigError(
            f"backbone.pretrained=true: no weights of {PREFIX}{name} to be had ({reason}); "
            "connect this machine, or type backbone.weights=FILE"
        ) from error
    return model, f"timm's {name}.{model.pretrained_cfg.get('tag') or 'default'}"


@torch.no_grad()
def _takes(name: str, in_channels: int, side: int) -> bool:
    """Whether the model can be built for squares of this side."""
    try:
        _create(name, in_channels, side)[0].eval()(torch.zeros(1, in_channels, side, side))
    except REFUSALS:
        return False
    return True
