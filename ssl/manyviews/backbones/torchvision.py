"""Classification models of torchvision as backbones: `backbone=torchvision/<name>`."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision import models

from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError, unknown

PREFIX = "torchvision/"
AUXILIARY = ("aux1", "aux2", "AuxLogits")  # classifiers in mid-net of GoogLeNet and Inception
TRUNKS = ("features", "trunk_output", "layers", "blocks")  # what holds the stages, if not the model


class Model(Backbone):
    """A model of torchvision without its last linear layer, freshly initialised.

    Args:
        name: of torchvision.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view, for models that are built for one size.

    Raises:
        ConfigError: unknown name, or a model that does not end in a linear layer.
    """

    prefix = "model."

    def __init__(self, name: str, *, in_channels: int, image_size: int) -> None:
        super().__init__()
        if PREFIX + name not in available():
            raise unknown("backbone", PREFIX + name, available())
        self.model = _create(name, image_size)
        path, last = [*self.model.named_modules()][-1]
        if not isinstance(last, nn.Linear):
            raise ConfigError(f"{PREFIX}{name} ends in no linear layer; choose another model")
        self.classifier = (path, *AUXILIARY)
        self.channels_last = name.startswith("swin")
        self.embedding_dim, self.in_channels = last.in_features, in_channels
        self.model.set_submodule(path, nn.Identity())
        if in_channels != 3:
            _first_convolution_takes(self.model, in_channels)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """What the last linear layer would read."""
        return self.model(image)

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """The last activation of each resolution, shallow to deep."""
        maps: dict[torch.Size, Tensor] = {}

        def keep(module: nn.Module, given: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                output = output.movedim(-1, 1) if self.channels_last else output
                maps[output.shape[-2:]] = output

        trunk = next((getattr(self.model, t) for t in TRUNKS if hasattr(self.model, t)), self.model)
        hooks = [module.register_forward_hook(keep) for module in trunk.children()]
        try:
            self.model(image)
        finally:
            for hook in hooks:
                hook.remove()
        return list(maps.values())


def available() -> list[str]:
    """All names, as `torchvision/<name>`."""
    return [PREFIX + name for name in models.list_models(module=models)]


def _create(name: str, image_size: int) -> nn.Module:
    more: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        more = {"aux_logits": False, "init_weights": True}  # else a tuple while training
    if name.startswith("vit_"):
        more = {"image_size": image_size}
    return models.get_model(name, weights=None, **more)


def _first_convolution_takes(model: nn.Module, in_channels: int) -> None:
    """Replace it by one with as many input channels, drawn as torch draws them."""
    path, old = next((n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        (old.kernel_size[0], old.kernel_size[1]),
        (old.stride[0], old.stride[1]),
        old.padding if isinstance(old.padding, str) else (old.padding[0], old.padding[1]),
        bias=old.bias is not None,
    )
    model.set_submodule(path, new)
