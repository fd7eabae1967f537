"""Batch norm whose statistics are those of all ranks, for process groups on CPUs.

torch's own `SyncBatchNorm` refuses CPU tensors; on GPUs it is the one that is used.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from manyviews import distributed


class SyncBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Equals `BatchNorm` on the joined batch in output, gradients and running statistics.

    Every rank has as many rows. Parameters and buffers have the names of `BatchNorm`'s, so a
    checkpoint fits both.
    """

    def __init__(self, replaced: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__(
            replaced.num_features,
            replaced.eps,
            replaced.momentum,
            replaced.affine,
            replaced.track_running_stats,
        )
        self._parameters, self._buffers = replaced._parameters, replaced._buffers
        # timm's batch norms end in a dropout and an activation.
        self.drop = getattr(replaced, "drop", nn.Identity())
        self.act = getattr(replaced, "act", nn.Identity())
        self.train(replaced.training)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Any number of axes behind the channels."""

    def forward(self, input: Float[Tensor, "B C ..."]) -> Float[Tensor, "B C ..."]:  # noqa: A002
        """Normalised per channel; in evaluation mode with the running statistics."""
        joined = self.training and distributed.world_size() > 1
        return self.act(self.drop(self._joined(input) if joined else super().forward(input)))

    def _joined(self, input: Float[Tensor, "B C ..."]) -> Float[Tensor, "B C ..."]:  # noqa: A002
        x = input if input.dtype == torch.float64 else input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        var, mean = torch.var_mean(x, axes, correction=0)
        # Means and variances of equally many rows: their mean, and the spread of the means, are
        # exact where a sum of squares would cancel.
        means, variances = distributed.gather(torch.stack([mean, var])[None]).unbind(1)
        mean, var = means.mean(0), variances.mean(0) + means.var(0, correction=0)
        self._remember(mean.detach(), var.detach(), distributed.world_size() * x[:, 0].numel())
        shape = (1, -1, *[1] * (x.ndim - 2))
        x = (x - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        if self.affine:
            x = x * self.weight.view(shape) + self.bias.view(shape)
        return x.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Float[Tensor, " C"], var: Float[Tensor, " C"], count: int) -> None:
        if (
            self.running_mean is None
            or self.running_var is None
            or self.num_batches_tracked is None
        ):
            return  # track_running_stats=False
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), weight)


def synchronise(module: nn.Module, device: torch.device) -> nn.Module:
    """The module with every batch norm over all ranks; parameters and buffers stay the objects.

    On GPUs it is torch's own, put there by timm's converter, which keeps the activation that timm's
    batch norms end in; torch's converter loses it.
    """
    if device.type != "cuda":
        return synchronised(module)
    from timm.layers.norm_act import convert_sync_batchnorm  # seconds to import

    return convert_sync_batchnorm(module)


def synchronised(module: nn.Module) -> nn.Module:
    """The same module with every batch norm replaced by ours."""
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return SyncBatchNorm(module)
    for name, child in module.named_children():
        setattr(module, name, synchronised(child))
    return module
