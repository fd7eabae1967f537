"""LARS and LARC: SGD with a step on each tensor that is proportional to the tensor's own norm.

You, Gitman, Ginsburg: "Large Batch Training of Convolutional Networks", 2017, arXiv 1708.03888.
LARS equals facebookresearch/barlowtwins@8e8d284, LARC (without clipping) equals NVIDIA/apex before
its removal, as facebookresearch/swav used it. No operation waits for the device. On a GPU each
operation works on all tensors at once, whatever the depth of the network; on a CPU it works on
pieces of the cache's size, which is twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from manyviews.ranges import NotNegative, Rate, Share, within_ranges

PIECE = 2**20  # bytes of parameters that a CPU works on at once; they fit in its cache
_torch: Any = torch  # its type stubs lack the _foreach functions


class LARS(Optimizer):
    """LARS: SGD with momentum on directions d that are scaled to d * trust * |p| / |d|.

    Here d = gradient + weight_decay * p, then v = momentum * v + d, p -= lr * v: the learning rate
    is not inside the momentum. 1-D tensors (biases, norms) are neither decayed nor scaled.

    Args:
        params: tensors, or groups of them as for torch's optimizers.
        lr: learning rate of matrices and kernels; 0.2 * batch / 256 in Barlow Twins.
        vector_lr: learning rate of groups that hold 1-D tensors only; 0.0048 * batch / 256 in
            Barlow Twins. None: as `lr`.
        momentum: 0.9 in the papers.
        weight_decay: 1e-6 in Barlow Twins' code.
        trust: eta; 0.001 in the papers.
        clip: True makes trust * |p| / |d| the learning rate itself, with `lr` as its upper limit;
            recipes for small images do so, with a larger trust.
    """

    @within_ranges
    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate,
        vector_lr: Rate | None = None,
        momentum: Share = 0.9,
        weight_decay: Rate = 1e-6,
        trust: NotNegative = 0.001,
        clip: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.momentum, self.trust, self.clip = momentum, trust, clip
        for group in self.param_groups:
            if vector_lr is not None and all(p.ndim <= 1 for p in group["params"]):
                group["lr"] = vector_lr

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every tensor that has a gradient; return the closure's loss, if there is one."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            rate = group["lr"]
            for piece in _pieces(group["params"]):
                _descend(self, piece, self._directions(piece, group), [rate] * len(piece))
        return loss

    def _directions(self, params: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        """Return d of each tensor: decayed and scaled if it has two or more axes."""
        directions = _gradients(params)
        adapted = [i for i, p in enumerate(params) if p.ndim > 1]
        p, d = ([side[i] for i in adapted] for side in (params, directions))
        for i, direction in zip(adapted, self._adapt(p, d, group), strict=True):
            directions[i] = direction
        return directions

    def _adapt(self, p: list[Tensor], d: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        """Return d * trust * |p| / |d|, or d itself if one of the norms is 0."""
        if not p:  # the _foreach functions refuse empty lists
            return []
        d = list(_torch._foreach_add(d, p, alpha=group["weight_decay"]))
        p_norm, d_norm = _norms(p), _norms(d)
        ratio = self.trust * p_norm / d_norm
        if self.clip and group["lr"] > 0:
            # lr is multiplied again in the step: min(ratio, lr) there is min(ratio / lr, 1) here.
            ratio = (ratio / group["lr"]).clamp(max=1.0)
        _torch._foreach_mul_(d, _each(torch.where((p_norm > 0) & (d_norm > 0), ratio, 1.0)))
        return d


class LARC(Optimizer):
    """LARC: SGD with momentum on d = (g + wd * p) * trust * |p| / (|g| + wd * |p| + eps).

    g is the gradient and wd the weight decay. All tensors are scaled and decayed, 1-D ones too. If
    the tensor or its gradient has norm 0, then d = g: a bias of 0 first takes an unscaled step.

    Args:
        params: tensors, or groups of them; a weight decay that a group names is ignored.
        lr: learning rate; in SwAV 0.6 for batches of 256, 4.8 for batches of 4096.
        momentum: 0.9 in SwAV.
        weight_decay: 1e-6 in SwAV.
        trust: 0.001 in SwAV.
        eps: 1e-8 in apex.
    """

    @within_ranges
    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate,
        momentum: Share = 0.9,
        weight_decay: Rate = 1e-6,
        trust: NotNegative = 0.001,
        eps: NotNegative = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr})
        self.momentum, self.weight_decay, self.trust, self.eps = momentum, weight_decay, trust, eps

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every tensor that has a gradient; return the closure's loss, if there is one."""
        loss = _evaluate(closure)
        rates = {p: group["lr"] for group in self.param_groups for p in group["params"]}
        for piece in _pieces(rates):
            directions = self._adapt(piece, _gradients(piece))
            _descend(self, piece, directions, [rates[p] for p in piece])
            del directions  # its memory serves the next piece
        return loss

    def _adapt(self, p: list[Tensor], g: list[Tensor]) -> list[Tensor]:
        """Return d of each tensor."""
        p_norm, g_norm = _norms(p), _norms(g)
        ratio = self.trust * p_norm / (g_norm + self.weight_decay * p_norm + self.eps)
        adapted = (p_norm > 0) & (g_norm > 0)
        # Both cases, ratio * (g + weight_decay * p) and g alone, as g * a + p * b: a branch on a
        # norm would have to wait for the device.
        a = torch.where(adapted, ratio, 1.0)
        b = torch.where(adapted, ratio * self.weight_decay, 0.0)
        d = list(_torch._foreach_mul(g, _each(a)))
        _torch._foreach_addcmul_(d, p, _each(b))
        return d


def _evaluate(closure: Callable[[], Any] | None) -> Any:
    """Return the closure's loss, computed with gradient, or None if there is no closure."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def _pieces(params: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors with a gradient: all at once on a GPU, on a CPU as its cache holds them."""
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
    """Return the gradient of each tensor; `_pieces` has left out those without."""
    return [p.grad for p in params]  # pyright: ignore[reportReturnType]


def _norms(tensors: list[Tensor]) -> Float[Tensor, " count"]:
    """Return the 2-norm of each tensor."""
    return torch.stack(_torch._foreach_norm(tensors))


def _each(factor: Float[Tensor, " count"]) -> list[Tensor]:
    """Return one factor per tensor, still on the device, as the _foreach functions take them."""
    return list(factor.unbind())


def _descend(
    optimizer: LARS | LARC, params: list[Tensor], d: list[Tensor], rates: list[float]
) -> None:
    """Take one step of momentum SGD along directions that are already scaled.

    Args:
        optimizer: holds the momentum and its buffers.
        params: changed in place.
        d: direction of each tensor.
        rates: learning rate of each tensor.
    """
    for p in params:
        if "momentum_buffer" not in optimizer.state[p]:
            optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    buffers = [optimizer.state[p]["momentum_buffer"] for p in params]
    _torch._foreach_mul_(buffers, optimizer.momentum)
    _torch._foreach_add_(buffers, d)
    # Neighbours of equal rate go into one operation.
    for lr, run in groupby(zip(rates, params, buffers, strict=True), key=lambda entry: entry[0]):
        _, moved, velocity = zip(*run, strict=True)
        _torch._foreach_add_(moved, velocity, alpha=-lr)
