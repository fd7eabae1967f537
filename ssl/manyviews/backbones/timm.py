"""timm's models as backbones: `backbone=timm/<name>`."""

from __future__ import annotations

from typing import Any

import timm
import torch
from jaxtyping import Float
from timm.data.config import resolve_data_config
from timm.models import group_parameters
from torch import Tensor

from manyviews.backbones import hub
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.sizes import REFUSALS, suggest_sizes
from manyviews.errors import ConfigError, one_line, unknown

PREFIX = "timm/"


class Model(Backbone):
    """A model of timm without its classifier.

    Args:
        name: timm's name of the model, for example "convnext_tiny".
        in_channels: number of channels of the images.
        image_size: side in pixels of the largest view, for models that are built for one size.
        pretrained: True downloads timm's pretrained weights; otherwise they are random.

    Raises:
        ConfigError: if the name is unknown, the model cannot be built for this size, or its weights
            cannot be downloaded.
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
                f"{suggest_sizes(lambda side: _takes(name, in_channels, side), image_size)}"
            ) from error
        if pretrained:
            self.model, self.begins_with = _downloaded(name, in_channels, image_size)
        heads = self.model.pretrained_cfg.get("classifier") or ()
        self.classifier = (heads,) if isinstance(heads, str) else tuple(heads)
        # Not num_features: some heads end wider than their trunk (mobilenetv3, inception_next).
        self.embedding_dim = int(self.model.head_hidden_size)

    def parts_by_stage(self) -> list[list[str]]:
        """Return the parameters of each stage or block, or nothing if timm does not group them."""
        if not hasattr(self.model, "group_matcher"):
            return []
        groups = group_parameters(self.model, self.model.group_matcher(coarse=True))
        stem, *stages = (groups[number] for number in sorted(groups))
        return [[*stem, *stages[0]], *stages[1:]] if stages else [stem]

    def could_take(self, side: int) -> bool:
        """Return True if squares of this side run through the model when it is built for them."""
        if self.one_size:
            return _takes(self.name, self.in_channels, side)
        return self.takes(side, side)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """Return the features that timm's classifier would read."""
        return self.model(image)

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Return the output of each stage or block, from shallow to deep."""
        return self.model.forward_intermediates(image, intermediates_only=True)


def data_config(name: str) -> dict[str, Any]:
    """Return timm's `data_config` of a model: what its pretrained weights expect of images.

    Its keys are `input_size` (channels, height, width), `mean`, `std`, `interpolation`, `crop_pct`
    and `crop_mode`.

    Raises:
        ConfigError: the name is unknown.
    """
    if not timm.is_model(name):
        raise unknown("backbone", PREFIX + name, available())
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return resolve_data_config({}, pretrained_cfg=known.to_dict() if known else {})


def available() -> list[str]:
    """Return the names of all models, as `timm/<name>`."""
    return [PREFIX + name for name in timm.list_models()]


def _create(
    name: str, in_channels: int, image_size: int, pretrained: bool = False
) -> tuple[Any, bool]:
    """Return the model, of free size if it can be, and True if it takes one size only."""
    plain: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0, "in_chans": in_channels}
    sized: dict[str, Any] = {"img_size": image_size}
    # timm's models differ in the arguments that they take: try from the most to the least flexible.
    for more, one_size in (({**sized, "dynamic_img_size": True}, False), (sized, True)):
        try:
            return timm.create_model(name, **plain, **more), one_size
        except TypeError:  # the model has no such argument
            continue
    return timm.create_model(name, **plain), False


def _downloaded(name: str, in_channels: int, image_size: int) -> tuple[Any, str]:
    """Return the model with timm's pretrained weights, and the name of these weights."""
    reached = False
    try:
        with hub.without_retries() as reached:
            model, _ = _create(name, in_channels, image_size, pretrained=True)
    except Exception as error:  # network, hub and timm each raise errors of their own kinds
        reason = one_line(error, 150)
        if not reached:
            server = hub.constants.ENDPOINT
            silent = "HF_HUB_OFFLINE is set" if hub.constants.HF_HUB_OFFLINE else "no answer"
            reason = f"{server}: {silent}, and its cache on this machine lacks them"
        raise ConfigError(
            f"backbone.pretrained=true: the weights of {PREFIX}{name} cannot be downloaded "
            f"({reason}); connect this machine, or load them elsewhere and type "
            "backbone.weights=FILE, a .safetensors or .pth file"
        ) from error
    return model, f"timm's {name}.{model.pretrained_cfg.get('tag') or 'default'}"


@torch.no_grad()
def _takes(name: str, in_channels: int, side: int) -> bool:
    """Return True if the model can be built for squares of this side, and then takes them."""
    try:
        _create(name, in_channels, side)[0].eval()(torch.zeros(1, in_channels, side, side))
    except REFUSALS:
        return False
    return True
