"""torchvision's classification models as backbones: `backbone=torchvision/<name>`."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError, unknown

PREFIX = "torchvision/"
# Auxiliary classifiers in the middle of GoogLeNet and Inception.
AUXILIARY = ("aux1", "aux2", "AuxLogits")
# Names of the module that holds the stages; in models without it, the model itself holds them.
TRUNKS = ("features", "trunk_output", "layers", "blocks")


class Model(Backbone):
    """A model of torchvision without its last linear layer, with random weights.

    Args:
        name: torchvision's name of the model, for example "swin_t".
        in_channels: number of channels of the images.
        image_size: side in pixels of the largest view, for models that are built for one size.

    Raises:
        ConfigError: if the name is unknown, or the model does not end in a linear layer.
    """

    prefix = "model."

    def __init__(self, name: str, *, in_channels: int, image_size: int) -> None:
        super().__init__()
        if PREFIX + name not in available():
            raise unknown("backbone", PREFIX + name, available())
        self.model = _create(name, image_size)
        path, last = [*self.model.named_modules()][-1]
        if not isinstance(last, nn.Linear):
            raise ConfigError(
                f"{PREFIX}{name} does not end in a linear layer; choose another model"
            )
        self.classifier = (path, *AUXILIARY)
        # Swin's stages return (B, H, W, C).
        self.channels_last = name.startswith("swin")
        self.embedding_dim, self.in_channels = last.in_features, in_channels
        self.model.set_submodule(path, nn.Identity())
        if in_channels != 3:
            _first_convolution_takes(self.model, in_channels)

    def begin_as_identity(self) -> None:
        """Initialise every residual branch to zero output, as torchvision's `zero_init_residual`.

        Raises:
            ConfigError: if this model is no ResNet.
        """
        if not isinstance(self.model, ResNet):
            raise ConfigError(
                f"backbone.zero_init_residual is for ResNets, not for {type(self.model).__name__}"
            )
        for module in self.model.modules():
            if isinstance(module, BasicBlock | Bottleneck):
                last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                nn.init.zeros_(last.get_parameter("weight"))

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """Return the features that the last linear layer would read."""
        return self.model(image)

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Return the last activation of each resolution, from shallow to deep."""
        maps: dict[torch.Size, Tensor] = {}

        def keep(module: nn.Module, given: Any, output: Any) -> None:
            """Keep a feature map; a later one of the same resolution replaces it."""
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
    """Return the names of all classification models, as `torchvision/<name>`."""
    return [PREFIX + name for name in models.list_models(module=models)]


def _create(name: str, image_size: int) -> nn.Module:
    """Return the model with random weights, with its classifier."""
    more: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # With auxiliary classifiers, they would return a tuple while training.
        more = {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        more = {"image_size": image_size}
    return models.get_model(name, weights=None, **more)


def _first_convolution_takes(model: nn.Module, in_channels: int) -> None:
    """Replace the first convolution by one with `in_channels`, with torch's initialisation."""
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
