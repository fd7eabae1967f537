"""Projection heads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from manyviews.errors import ConfigError


def projector(
    widths: Sequence[int],
    *,
    bias: bool,
    last_bias: bool | None = None,
    ending: nn.Module | None = None,
) -> nn.Sequential:
    """Return an MLP: linear layers with batch norm and ReLU after each but the last.

    Args:
        widths: D, the hidden widths, P; for example [512, 2048, 128].
        bias: True gives the linear layers a bias, as in SwAV; Barlow Twins has none.
        last_bias: the same for the last layer; None: as `bias`.
        ending: a module after the last layer, for example a norm.

    Raises:
        ConfigError: if a width is 0, or the projection has a single dimension. On the unit sphere
            that would be a mere sign, after a layer norm a constant.
    """
    if min(widths) < 1 or widths[-1] < 2:
        raise ConfigError(
            f"a projector of widths {', '.join(map(str, widths))}; allowed: method.hidden_dim 1 or "
            "more, method.projection_dim 2 or more"
        )
    # Batch norm subtracts the mean: a bias before it has no effect, but some papers have one.
    layers: list[nn.Module] = []
    for width, following in pairwise(widths[:-1]):
        layers += [
            nn.Linear(width, following, bias=bias),
            nn.BatchNorm1d(following),
            nn.ReLU(inplace=True),
        ]
    last = nn.Linear(widths[-2], widths[-1], bias=bias if last_bias is None else last_bias)
    return nn.Sequential(*layers, last, *([ending] if ending else []))
