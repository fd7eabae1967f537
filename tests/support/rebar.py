"""Inputs and parameters of the golden file of REBAR, by the formulas that it states."""

import torch
from golden import golden

GOLDEN = golden("rebar")
WEIGHT, BIAS = ([*GOLDEN["revin"][f"affine_{name}"]] for name in ("weight", "bias"))


def grid(*sizes):
    """Indices along each axis, float64, that broadcast against each other."""
    return torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in sizes), indexing="ij")


def anchor():
    """(3, 2, 24)."""
    b, d, t = grid(3, 2, 24)
    return torch.sin(0.35 * t * (1 + 0.5 * d) + 0.8 * b) + 0.3 * d + 0.1 * b


def candidate():
    """(3, 2, 24)."""
    b, d, t = grid(3, 2, 24)
    return 1.2 * torch.sin(0.35 * t * (1 + 0.5 * d) + 0.8 * b + 0.9 * (1 + b)) - 0.2 * d


def fill(parameters, first):
    """Set each parameter to s sin(0.5 j + 0.7 i), j counted from `first`, i its flat index."""
    with torch.no_grad():
        for j, p in enumerate(parameters, first):
            scale = p[0].numel() ** -0.5 if p.ndim > 1 else 0.5
            i = torch.arange(p.numel(), dtype=p.dtype)
            p.copy_(scale * torch.sin(0.5 * j + 0.7 * i).view_as(p))


def set_norm(norm):
    """The affine part of the reversible norm, as given."""
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(WEIGHT, dtype=torch.float64))
        norm.bias.copy_(torch.tensor(BIAS, dtype=torch.float64))
    return norm
