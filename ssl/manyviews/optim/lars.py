"""LARS and LARC: SGD whose step on each tensor is in proportion to the tensor's own norm.

You, Gitman, Ginsburg: "Large Batch Training of Convolutional Networks", 2017, arXiv 1708.03888.
LARS equals facebookresearch/barlowtwins@8e8d284, LARC (without clipping) equals NVIDIA/apex before
its removal, as facebookresearch/swav used it. Nothing waits for the device. A GPU gets all
tensors at once, whatever the depth; a CPU gets pieces of its cache's size, which is twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from manyviews.errors import ConfigError

PIECE = 2**20  # bytes of parameters that a CPU works on before it goes on to the next
_torch: Any = torch  # whose stubs do not name the _foreach functions


class LARS(Optimizer):
    """Matrices and kernels get d * trust * |p| / |d| with d = gradient + weight_decay * p.

    1-D tensors (biases, norms) are neither decayed nor adapted. The learning rate stands outside
    the momentum: p -= lr * v, v = momentum * v + d.

    Args:
        params: tensors or groups of them.
        lr: of matrices and kernels; 0.2 * batch / 256 in Barlow Twins.
        vector_lr: of groups that hold 1-D tensors alone; 0.0048 * batch / 256 in Barlow Twins.
        momentum: 0.9 in the papers.
        weight_decay: 1e-6 in Barlow Twins' code.
        trust: eta; 0.001 in the papers.
        clip: trust * |p| / |d| is the rate itself, and `lr` what it may not exceed, as with the
            larger eta of recipes for small images.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        vector_lr: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust: float = 0.001,
        clip: bool = False,
    ) -> None:
        _check(lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.momentum, self.trust, self.clip = momentum, trust, clip
        for group in self.param_groups:
            if vector_lr is not None and all(p.ndim <= 1 for p in group["params"]):
                group["lr"] = vector_lr

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on every tensor that has a gradient."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            rate = group["lr"]
            for piece in _pieces(group["params"]):
                _descend(self, piece, self._directions(piece, group), [rate] * len(piece))
        return loss

    def _directions(self, params: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        directions = _gradients(params)
        adapted = [i for i, p in enumerate(params) if p.ndim > 1]
        p, d = ([side[i] for i in adapted] for side in (params, directions))
        for i, direction in zip(adapted, self._adapt(p, d, group), strict=True):
            directions[i] = direction
        return directions

    def _adapt(self, p: list[Tensor], d: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        if not p:
            return []
        d = list(_torch._foreach_add(d, p, alpha=group["weight_decay"]))
        p_norm, d_norm = _norms(p), _norms(d)
        ratio = self.trust * p_norm / d_norm
        if self.clip and group["lr"] > 0:
            ratio = (ratio / group["lr"]).clamp(max=1.0)
        _torch._foreach_mul_(d, _each(torch.where((p_norm > 0) & (d_norm > 0), ratio, 1.0)))
        return d


class LARC(Optimizer):
    """Every tensor, 1-D ones too, gets (gradient + weight_decay * p) * trust * |p| / (|g| + ...).

    The denominator is |gradient| + weight_decay * |p| + eps. A tensor or gradient of norm 0 gets
    the plain gradient without decay: zero biases take one unscaled step.

    Args:
        params: tensors or groups of them; what groups say of weight decay is not used.
        lr: 0.6 for batches of 256, 4.8 for those of 4096 in SwAV.
        momentum: 0.9 in SwAV.
        weight_decay: 1e-6 in SwAV.
        trust: 0.001 in SwAV.
        eps: 1e-8 in apex.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust: float = 0.001,
        eps: float = 1e-8,
    ) -> None:
        _check(lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust, eps=eps)
        super().__init__(params, {"lr": lr})
        self.momentum, self.weight_decay, self.trust, self.eps = momentum, weight_decay, trust, eps

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on every tensor that has a gradient."""
        loss = _evaluated(closure)
        rates = {p: group["lr"] for group in self.param_groups for p in group["params"]}
        for piece in _pieces(rates):
            directions = self._adapt(piece, _gradients(piece))
            _descend(self, piece, directions, [rates[p] for p in piece])
            del directions  # its memory serves the next piece
        return loss

    def _adapt(self, p: list[Tensor], g: list[Tensor]) -> list[Tensor]:
        p_norm, g_norm = _norms(p), _norms(g)
        ratio = self.trust * p_norm / (g_norm + self.weight_decay * p_norm + self.eps)
        adapted = (p_norm > 0) & (g_norm > 0)
        # ratio * (g + weight_decay * p), or g alone: both as g * a + p * b.
        a = torch.where(adapted, ratio, 1.0)
        b = torch.where(adapted, ratio * self.weight_decay, 0.0)
        d = list(_torch._foreach_mul(g, _each(a)))
        _torch._foreach_addcmul_(d, p, _each(b))
        return d


def _check(**numbers: float) -> None:
    for name, number in numbers.items():
        if number < 0:
            raise ConfigError(f"{name}={number}; allowed: 0 or more")


def _evaluated(closure: Callable[[], Any] | None) -> Any:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def _pieces(params: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Those with a gradient: all at once on a GPU, on a CPU as many as its cache holds."""
    piece: list[Tensor] = []
    held = 0
    for p in params:
        if p.grad is None:
            continue
        held += p.nbytes
        if piece and p.device.type == "cpu" and held > PIECE:
            yield piece
            piece, held = [], p.nbytes
        piece.append(p)
    if piece:
        yield piece


def _gradients(params: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in params]  # pyright: ignore[reportReturnType]


def _norms(tensors: list[Tensor]) -> Float[Tensor, " count"]:
    return torch.stack(_torch._foreach_norm(tensors))


def _each(factor: Float[Tensor, " count"]) -> list[Tensor]:
    """A factor for each tensor, which stays on the device."""
    return list(factor.unbind())


def _descend(
    optimizer: LARS | LARC, params: list[Tensor], d: list[Tensor], rates: list[float]
) -> None:
    """Momentum SGD on directions that are already scaled."""
    for p in params:
        if "momentum_buffer" not in optimizer.state[p]:
            optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    buffers = [optimizer.state[p]["momentum_buffer"] for p in params]
    _torch._foreach_mul_(buffers, optimizer.momentum)
    _torch._foreach_add_(buffers, d)
    for lr, run in groupby(zip(rates, params, buffers, strict=True), key=lambda entry: entry[0]):
        _, moved, velocity = zip(*run, strict=True)
        _torch._foreach_add_(moved, velocity, alpha=-lr)
