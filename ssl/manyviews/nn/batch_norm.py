"""Batch norm with the statistics of all ranks, for process groups on CPUs.

torch's own `SyncBatchNorm`, which is used on GPUs, refuses CPU tensors.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from manyviews import distributed


class SyncBatchNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm that equals `BatchNorm` on the joined batch of all ranks.

    Outputs, gradients and running statistics are the same. Every rank must have equally many rows.
    Parameters and buffers keep the names of `BatchNorm`'s, so a checkpoint fits both.

    Args:
        replaced: the batch norm whose parameters, buffers and mode are taken over.
    """

    def __init__(self, replaced: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__(
            replaced.num_features,
            replaced.eps,
            replaced.momentum,
            replaced.affine,
            replaced.track_running_stats,
        )
        # The same objects, not copies: an optimizer may hold them already.
        self._parameters, self._buffers = replaced._parameters, replaced._buffers
        # timm's batch norms end in a dropout and an activation.
        self.drop = getattr(replaced, "drop", nn.Identity())
        self.act = getattr(replaced, "act", nn.Identity())
        self.train(replaced.training)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Accept any number of axes after the channels."""

    def forward(self, input: Float[Tensor, "B C ..."]) -> Float[Tensor, "B C ..."]:  # noqa: A002
        """Return the input normalised per channel; in evaluation by the running statistics."""
        joined = self.training and distributed.world_size() > 1
        return self.act(self.drop(self._joined(input) if joined else super().forward(input)))

    def _joined(self, input: Float[Tensor, "B C ..."]) -> Float[Tensor, "B C ..."]:  # noqa: A002
        """Normalise by the mean and variance over the rows of all ranks."""
        x = input if input.dtype == torch.float64 else input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        var, mean = torch.var_mean(x, axes, correction=0)
        # All ranks have equally many rows, so the joint variance is the mean of the variances plus
        # the variance of the means. E[x^2] - E[x]^2 would lose digits by cancellation.
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
        """Update the running statistics as `BatchNorm` does.

        Args:
            mean: of the joined batch.
            var: of the joined batch, the sum of squares over `count`.
            count: number of values per channel on all ranks.
        """
        if (
            self.running_mean is None
            or self.running_var is None
            or self.num_batches_tracked is None
        ):
            return  # the batch norm was built with track_running_stats=False
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        # momentum None means the plain mean over all batches so far, as in torch. The running
        # variance is the unbiased one.
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), weight)


def synchronise(module: nn.Module, device: torch.device) -> nn.Module:
    """Replace every batch norm by one with the statistics of all ranks, and return the module.

    Parameters and buffers stay the same objects. On GPUs torch's `SyncBatchNorm` is used.

    Args:
        module: changed in place; replaced itself if it is a batch norm.
        device: where the module will run.
    """
    if device.type != "cuda":
        return synchronise_on_cpu(module)
    # timm's converter, because torch's drops the activation at the end of timm's batch norms.
    from timm.layers.norm_act import convert_sync_batchnorm  # seconds to import

    return convert_sync_batchnorm(module)


def synchronise_on_cpu(module: nn.Module) -> nn.Module:
    """Replace every batch norm by `SyncBatchNorm`, and return the module."""
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return SyncBatchNorm(module)
    for name, child in module.named_children():
        setattr(module, name, synchronise_on_cpu(child))
    return module
