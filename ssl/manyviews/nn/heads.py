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
    """Linear layers with batch norm and ReLU between them, none behind the last.

    Args:
        widths: embedding, hidden ..., projection.
        bias: of the linear layers; SwAV has it, Barlow Twins has not.
        last_bias: of the last one, where it differs.
        ending: a norm behind the last one.

    Raises:
        ConfigError: a width of 0, or a projection of one number: on the sphere it is a sign, behind
            a layer norm a constant.
    """
    if min(widths) < 1 or widths[-1] < 2:
        raise ConfigError(
            f"a projector of widths {', '.join(map(str, widths))}; allowed: method.hidden_dim 1 or "
            "more, method.projection_dim 2 or more"
        )
    layers: list[nn.Module] = []
    for width, following in pairwise(widths[:-1]):
        layers += [
            nn.Linear(width, following, bias=bias),
            nn.BatchNorm1d(following),
            nn.ReLU(inplace=True),
        ]
    last = nn.Linear(widths[-2], widths[-1], bias=bias if last_bias is None else last_bias)
    return nn.Sequential(*layers, last, *([ending] if ending else []))
