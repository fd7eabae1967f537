"""Mixed Barlow Twins: Barlow Twins plus a penalty on the projections of mixed images.

Bandara, De Melo, Patel: "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023, arXiv
2312.02151. Official code wgcban/mix-bt.
Deviation: the mixing share and the partners are drawn for the global batch, so partners come from
all ranks; with `ddp="paper"` they come from the rank's own rows, as in the ImageNet code.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed, draws
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.barlow_twins import DDP
from manyviews.losses.mixed_barlow_twins import mixup_redundancy, unbiased_barlow_twins
from manyviews.method import Method
from manyviews.nn import embed_each, projector
from manyviews.ranges import Layers, NotNegative, Size, within_ranges


class MixedBarlowTwins(Method):
    """Mixed Barlow Twins passes two views and their mixture through the network separately.

    Args:
        backbone: the network to pretrain.
        seed: seed of the run, from which the mixing share and the partners of a step follow.
        hidden_dim: width of the projector's hidden layers.
        hidden_layers: number of hidden layers; 1 in the small-data code, 2 in the ImageNet code.
        projection_dim: P; 1024 on small data.
        redundancy_weight: lambda_BT; 1/128 at P = 1024 on small data, 0.0051 on ImageNet.
        mixture_weight: lambda_reg; 4 on CIFAR, 1 to 2 on ImageNet; 0 trains without mixtures.
        mixture_warmup_epochs: epochs over which `mixture_weight` rises from 0; 0 on small data,
            10 on ImageNet.
        normalize_rows: whether projections are first put on the unit sphere, as in the small-data
            code.
        imagenet_compat: whether to use the ImageNet code's second target and half the weight.
        ddp: how several ranks compute the loss; see `losses.barlow_twins`.
    """

    needs = ("seed",)

    needs = ("seed",)

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        seed: int,
        hidden_dim: Size,
        projection_dim: Size,
        hidden_layers: Layers = 1,
        redundancy_weight: NotNegative = 0.0078125,
        mixture_weight: NotNegative = 4.0,
        mixture_warmup_epochs: NotNegative = 0.0,
        normalize_rows: bool = True,
        imagenet_compat: bool = False,
        ddp: DDP = "exact",
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, *[hidden_dim] * hidden_layers, projection_dim]
        self.projector = projector(widths, bias=False, last_bias=not imagenet_compat)
        self.seed, self.redundancy_weight = seed, redundancy_weight
        self.mixture_weight, self.mixture_warmup_epochs = mixture_weight, mixture_warmup_epochs
        self.normalize_rows, self.imagenet_compat = normalize_rows, imagenet_compat
        self.ddp: DDP = ddp

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 1 plus the penalty of eq. 6 on the mixture."""
        if self.ddp == "paper" and len(batch.position) < 2:
            raise ConfigError(
                "method.ddp=paper takes a variance over the rows of each process and got 1; "
                f"allowed: 2 or more, type batch_size={2 * distributed.world_size()}"
            )
        embedding = embed_each(self.backbone, batch.views)
        z1, z2 = projection = torch.stack([self._project(h) for h in embedding])
        weight = self.redundancy_weight
        parts = unbiased_barlow_twins(z1, z2, redundancy_weight=weight, ddp=self.ddp)
        loss = parts.invariance + parts.redundancy
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        if self.mixture_weight:
            mixed, share, order = self.mixture(*batch.views)
            penalty = mixup_redundancy(
                z1,
                z2,
                self._project(self.backbone(mixed)),
                share,
                order,
                imagenet_compat=self.imagenet_compat,
                ddp=self.ddp,
            )
            penalty = self.scale() * weight * penalty
            loss, logs["train/loss/mixture"] = loss + penalty, penalty
        return Output(loss, embedding, projection, logs)

    def _project(self, embedding: Float[Tensor, "B D"]) -> Float[Tensor, "B P"]:
        z = self.projector(embedding)
        return (
            F.normalize(z.float() if z.dtype.itemsize < 4 else z, dim=1)
            if self.normalize_rows
            else z
        )

    def mixture(
        self, first: Float[Tensor, "B C *size"], second: Float[Tensor, "B C *size"]
    ) -> tuple[Float[Tensor, "B C *size"], Float[Tensor, ""], Int64[Tensor, " N"]]:
        """Return alpha y1 + (1 - alpha) y2[pi], alpha from U(0, 1), and the permutation pi.

        Alpha and pi are drawn once for the whole batch.
        """
        position = torch.zeros(1, dtype=torch.int64, device=first.device)
        step = self.global_step
        share = draws.uniform(self.seed, step, position, 0, "share", 1)[0, 0].to(first.dtype)
        exact = self.ddp == "exact"
        rows = len(first) * (distributed.world_size() if exact else 1)
        order = draws.permutation(self.seed, step, rows, "mixture").to(first.device)
        partner = (
            distributed.local_rows(distributed.gather(second)[order]) if exact else second[order]
        )
        return share * first + (1 - share) * partner, share, order

    def scale(self) -> float:
        """Return the weight of the penalty at this step, in units of lambda_BT."""
        warmup = self.mixture_warmup_epochs * self.steps_per_epoch
        rise = min(self.global_step / warmup, 1.0) if warmup else 1.0
        return rise * self.mixture_weight * (0.5 if self.imagenet_compat else 1.0)
