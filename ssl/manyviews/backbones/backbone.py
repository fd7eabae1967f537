"""What every backbone can say of itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from manyviews.backbones.sizes import REFUSALS, smallest
from manyviews.optim.family import Family


class Backbone(nn.Module):
    """Turns images or series into embeddings.

    Attributes:
        reads: images (B, C, H, W) or series (B, C, T).
        embedding_dim: D.
        in_channels: C.
        prefix: what stands here before the names that the model's library gives its parts.
        classifier: parts of that model which are left out here.
        begins_with: where its weights come from.
    """

    reads: ClassVar[Literal["images", "series"]] = "images"
    embedding_dim: int
    in_channels: int
    prefix: str = ""
    classifier: tuple[str, ...] = ()
    begins_with: str = "random weights"

    def forward(self, view: Float[Tensor, "B C *size"], /) -> Float[Tensor, "B D"]:
        """One embedding per image or series."""
        raise NotImplementedError

    def feature_maps(self, view: Float[Tensor, "B C *size"], /) -> list[Float[Tensor, "B _ *_"]]:
        """Activations from shallow to deep."""
        raise NotImplementedError

    def parts_by_stage(self) -> list[list[str]]:
        """Names of parts or parameters, stage by stage; the stem counts with the first.

        Empty where it is not known.
        """
        return []

    @property
    def family(self) -> Family:
        """The optimizers it is made for, by its norms.

        Plain SGD, LARS and LARC train nets with batch norm or none. Where there are layer norms
        (transformers, ConvNeXt, MLP-Mixer) gradients differ so much between parts that Adam and
        its kin are needed.
        """
        return "adaptive" if any(map(_is_layer_norm, self.modules())) else "sgd"

    def train(self, mode: bool = True) -> Backbone:
        """Set the mode; parts that are frozen as a whole stay in evaluation mode.

        Their batch norms keep the running statistics, their dropout drops nothing.
        """
        super().train(mode)
        for module in self.modules():
            parameters = list(module.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                nn.Module.train(module, False)
        return self

    def takes(self, *size: int) -> bool:
        """Whether this height and width, or length, passes: by trial, as many say it by failing."""
        flags = {module: module.training for module in self.modules()}
        view = next(self.parameters()).new_zeros(1, self.in_channels, *size)
        try:
            with torch.no_grad():
                self.eval()(view)
        except REFUSALS:
            return False
        finally:
            for module, training in flags.items():
                module.training = training
        return True

    def could_take(self, side: int) -> bool:
        """Whether squares of this side, or series of this length, pass or would if built for."""
        return self.takes(*[side] * (2 if self.reads == "images" else 1))

    def smallest(self) -> int | None:
        """Smallest side in pixels, or length, that it could take; None if there is none to 1024."""
        return smallest(self.could_take)


def _is_layer_norm(module: nn.Module) -> bool:
    """Statistics over the channels of a place or an image, as torch's and timm's kinds have."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups == 1
    if isinstance(module, _BatchNorm):
        return False
    return type(module).__name__.startswith(("LayerNorm", "RMSNorm", "RmsNorm", "SimpleNorm"))
