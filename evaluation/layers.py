"""The layers of a backbone: the output of each stage, and the embedding."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from manyviews.batch import Sample

EMBEDDING = "embedding"


def feature_maps(
    backbone: nn.Module, view: Float[Tensor, "B C *size"]
) -> list[Float[Tensor, "B _ *_"]]:
    """Return the output of each stage, from shallow to deep; [] if the backbone gives none."""
    try:
        return backbone.feature_maps(view)  # pyright: ignore[reportCallIssue]
    except (NotImplementedError, AttributeError):
        return []


@torch.no_grad()
def activations(backbone: nn.Module, samples: Iterable[Sample]) -> dict[str, Float[Tensor, "n _"]]:
    """Return the output of each stage and the embedding by name, one row per item, on the CPU.

    Args:
        backbone: a backbone in evaluation mode.
        samples: clean inputs, as it reads them.
    """
    weight = next(backbone.parameters(), torch.zeros(()))
    batches = []
    for sample in samples:
        view = sample.input.to(weight)
        layers = [*feature_maps(backbone, view), backbone(view)]
        batches.append([layer.flatten(1).float().cpu() for layer in layers])
    names = [*(f"stage {i}" for i in range(1, len(batches[0]))), EMBEDDING]
    return dict(zip(names, map(torch.cat, zip(*batches, strict=True)), strict=True))
