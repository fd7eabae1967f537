"""The base class of all backbones."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from manyviews.backbones.sizes import REFUSALS, smallest
from manyviews.optim.family import Family


class Backbone(nn.Module):
    """A network that turns images or time series into embeddings.

    Attributes:
        reads: the kind of input, "images" (B, C, H, W) or "series" (B, C, T).
        embedding_dim: D, the width of an embedding.
        in_channels: C of the input.
        prefix: what this class puts before the parameter names of the model's own library, for
            example "model.".
        classifier: names, in that library, of the model's classification layers; this class drops
            them, so weight files may hold them in excess.
        begins_with: where the initial weights come from, in words, for the printed summary.
    """

    reads: ClassVar[Literal["images", "series"]] = "images"
    embedding_dim: int
    in_channels: int
    prefix: str = ""
    classifier: tuple[str, ...] = ()
    begins_with: str = "random weights"

    def forward(self, view: Float[Tensor, "B C *size"], /) -> Float[Tensor, "B D"]:
        """Return one embedding per image or series."""
        raise NotImplementedError

    def feature_maps(self, view: Float[Tensor, "B C *size"], /) -> list[Float[Tensor, "B _ *_"]]:
        """Return the activations of each stage, from shallow to deep."""
        raise NotImplementedError

    def parts_by_stage(self) -> list[list[str]]:
        """Return the names of the modules or parameters of each stage; the stem is in the first.

        The list is empty if the stages of the model are not known.
        """
        return []

    @property
    def family(self) -> Family:
        """The kind of optimizer that trains this network well, judged by its norms.

        Plain SGD, LARS and LARC train networks with batch norm or without norms. Networks with
        layer norm (transformers, ConvNeXt, MLP-Mixer) have gradients of very different size in
        their parts and need an adaptive optimizer such as Adam.
        """
        return "adaptive" if any(map(_is_layer_norm, self.modules())) else "sgd"

    def train(self, mode: bool = True) -> Backbone:
        """Set training or evaluation mode, but keep fully frozen parts in evaluation mode.

        Their batch norms then keep their running statistics, and their dropout is off.
        """
        super().train(mode)
        for module in self.modules():
            parameters = list(module.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                nn.Module.train(module, False)
        return self

    def takes(self, *size: int) -> bool:
        """Return True if an input of this height and width, or length, runs through the model.

        It is found by running the model once: most models only say so by raising an error.
        """
        flags = {module: module.training for module in self.modules()}
        view = next(self.parameters()).new_zeros(1, self.in_channels, *size)
        try:
            # In training mode, batch norm would refuse a single row and change its statistics.
            with torch.no_grad():
                self.eval()(view)
        except REFUSALS:
            return False
        finally:
            for module, training in flags.items():
                module.training = training
        return True

    def could_take(self, side: int) -> bool:
        """Return True if squares of this side, or series of this length, run through the model.

        A model that is built for one size counts as built for this one.
        """
        return self.takes(*[side] * (2 if self.reads == "images" else 1))

    def smallest(self) -> int | None:
        """Return the smallest side in pixels, or length, that it could take, or None above 1024."""
        return smallest(self.could_take)


def _is_layer_norm(module: nn.Module) -> bool:
    """Return True if a norm takes its statistics over the channels, as torch's and timm's do."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups == 1  # a single group is a layer norm over the whole image
    if isinstance(module, _BatchNorm):
        return False
    # timm has many classes for it (LayerNorm2d, RmsNorm2d, ...), but names them alike.
    return type(module).__name__.startswith(("LayerNorm", "RMSNorm", "RmsNorm", "SimpleNorm"))
