"""SwAV: each view predicts the cluster assignments of the other views.

Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", 2020, arXiv 2006.09882. Official code facebookresearch/swav
@06b1b7c. Deviation: biases and norms have no weight decay unless the optimizer says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.swav import sinkhorn, swapped_prediction
from manyviews.method import Examples, Method
from manyviews.nn import embed_by_shape, projector
from manyviews.panels import Line, Panel, Picture, Pictures, Plot, name_of
from manyviews.ranges import Count, Entropy, Positive, Rounds, Size, within_ranges

STUCK = 0.002  # a loss nearer to ln K than this share of ln K has learned nothing
ASSIGNING = 2  # the first two views get codes; smaller crops only predict them
SHOWN, NEAREST = 8, 6  # prototypes in the report, and samples of each
ROWS = 4096  # samples whose scores are in memory at once while the report is made


class SwAV(Method):
    """SwAV predicts the code of one view, over learned prototypes, from the other views.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of the projection head's hidden layer; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        prototypes: K; 3000 in the paper for 1000 classes.
        temperature: tau of the softmax over prototypes; 0.1 in the paper.
        epsilon: weight of the entropy of the codes, eq. 3; 0.05 in the paper.
        iterations: iterations of Sinkhorn-Knopp; 3 in the paper.
        freeze_steps: number of first steps in which the prototypes stay fixed; one epoch in the
            paper.
        queue_length: number of projections of earlier batches, summed over ranks, that take part
            in the codes; a multiple of the batch size. 3840 in the paper for batches of 256, 0 for
            batches of 4096.
        queue_from_epoch: first epoch in which the queue is filled; 15 in the paper.

    Attributes:
        queue: (A, L, P) projections of earlier batches, newest first, the same on all ranks.
        queued: () number of projections that were ever put into the queue.
    """

    views_read = (2, None)
    queue: Tensor
    queued: Tensor

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        prototypes: Size,
        temperature: Positive = 0.1,
        epsilon: Entropy = 0.05,
        iterations: Rounds = 3,
        freeze_steps: Count = 0,
        queue_length: Count = 0,
        queue_from_epoch: Count = 15,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True)
        self.prototypes = nn.Linear(projection_dim, prototypes, bias=False)
        self.temperature, self.epsilon, self.iterations = temperature, epsilon, iterations
        self.freeze_steps, self.queue_from_epoch = freeze_steps, queue_from_epoch
        self.pieces: list[Tensor] = []  # rows of a step that is not complete yet
        self.register_buffer("queue", torch.zeros(ASSIGNING, queue_length, projection_dim))
        self.register_buffer("queued", torch.zeros((), dtype=torch.int64))
        self.normalize_prototypes()

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Put every prototype back on the unit sphere, in place."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 1 and 2; the codes come from the first two views."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        # float32 before the product: half precision near 1, divided by epsilon, is 8 % noise.
        with torch.autocast(projection.device.type, enabled=False):
            z = F.normalize(projection.to(self.prototypes.weight.dtype), dim=2)
            scores = z @ self.prototypes.weight.mT
            codes = self.codes(z[:ASSIGNING].detach(), scores[:ASSIGNING].detach())
        loss = swapped_prediction(scores, codes, temperature=self.temperature)
        logs = {"health/prototype_entropy": _usage_entropy(scores.detach())}
        return Output(loss, embedding, z, logs)

    @torch.no_grad()
    def codes(self, z: Float[Tensor, "A B P"], scores: Float[Tensor, "A B K"]) -> Tensor:
        """Return the codes (A, B, K) of eq. 3; the queue takes part in them once it is full."""
        earlier = scores[:, :0]
        if self.queue.shape[1] and self.current_epoch >= self.queue_from_epoch:
            if self.queued >= self.queue.shape[1]:
                rows = torch.stack([distributed.local_rows(rows) for rows in self.queue])
                earlier = rows.to(scores.dtype) @ self.prototypes.weight.mT
            self.remember(z)  # after reading, so that the codes never see this batch twice
        together = torch.cat([earlier, scores], dim=1)
        options = {"epsilon": self.epsilon, "iterations": self.iterations}
        return torch.stack([sinkhorn(s, **options)[earlier.shape[1] :] for s in together])

    def remember(self, z: Float[Tensor, "A B P"]) -> None:
        """Put the projections of all ranks in front of the queue, once per optimizer step."""
        self.pieces.append(distributed.gather(z.transpose(0, 1)).transpose(0, 1))
        if not self.last_piece:
            return
        new, self.pieces = torch.cat(self.pieces, dim=1), []
        length, batch = self.queue.shape[1], new.shape[1]
        self.check_batch_size(batch)
        self.queue.copy_(torch.cat([new, self.queue[:, : length - batch]], dim=1))
        self.queued += batch

    def check_batch_size(self, batch_size: int) -> None:
        """Raise unless the queue holds a whole number of batches.

        Raises:
            ConfigError: with a length that does.
        """
        length = self.queue.shape[1]
        if length % batch_size:
            raise ConfigError(
                f"method.queue_length={length} is no multiple of the batch of {batch_size}; "
                f"type method.queue_length={max(length // batch_size, 1) * batch_size}"
            )

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Report collapse if the loss is ln K: then all prototypes are equally near."""
        uniform = math.log(len(self.prototypes.weight))
        loss = logs["train/loss/method"]
        if abs(loss - uniform) > STUCK * uniform:
            return {}
        return {
            "uniform": f"the loss {loss:.3f} is ln K = {uniform:.3f}, all prototypes are alike: "
            "lower method.epsilon, raise method.freeze_steps, let method.queue_from_epoch come "
            "later, or lower optimizer.lr"
        }

    @torch.no_grad()
    def panels(self, examples: Examples) -> list[Panel]:
        """Return how often each prototype is used, and samples near the most used ones."""
        weight = self.prototypes.weight
        z = torch.cat(
            [F.normalize(self.projector(rows), dim=1) for rows in examples.embedding.split(ROWS)]
        )
        nearest = torch.cat([(rows @ weight.mT).argmax(1) for rows in z.split(ROWS)])
        share = nearest.bincount(minlength=len(weight)) / len(z)
        chosen = share.argsort(descending=True, stable=True)[:SHOWN]
        closest = (weight[chosen] @ z.mT).argsort(dim=1, descending=True, stable=True)
        return [_prototype_panel(share, chosen, closest[:, :NEAREST], examples)]

    def begin_step(self) -> None:
        """Normalise the prototypes."""
        self.normalize_prototypes()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Drop the gradient of frozen prototypes: neither momentum nor weight decay moves them."""
        if self.global_step < self.freeze_steps:
            self.prototypes.weight.grad = None


def _usage_entropy(scores: Float[Tensor, "V B K"]) -> Float[Tensor, ""]:
    """Return the entropy of how often each prototype is nearest; ln K if all are used equally."""
    nearest = scores.flatten(0, 1).argmax(1)
    count = scores.new_zeros(scores.shape[2]).index_add_(0, nearest, scores.new_ones(len(nearest)))
    share = distributed.total(count) / (len(nearest) * distributed.world_size())
    return -torch.xlogy(share, share).sum()


def _prototype_panel(
    share: Float[Tensor, " K"],
    chosen: Int64[Tensor, " S"],
    nearest: Int64[Tensor, "S R"],
    examples: Examples,
) -> Panel:
    """Return the panel of the prototypes.

    Args:
        share: share of the samples to which each prototype is the nearest.
        chosen: the most used prototypes.
        nearest: rows of the samples nearest to each of them.
        examples: the samples.
    """
    used, most = share[share > 0].double(), math.log(len(share))
    entropy = -float(torch.xlogy(used, used).sum())
    text = (
        f"{len(used)} of {len(share)} prototypes are the nearest one to some of the train "
        f"{examples.items}. The entropy of their use is {entropy:.2f}; it would be "
        f"ln {len(share)} = {most:.2f} if all were used equally. Below: the most used prototypes, "
        f"and the train {examples.items} nearest to each by cosine of the projections."
    )
    by_use = (100 * share.sort(descending=True).values).tolist()
    line = Line("share", list(range(1, len(share) + 1)), by_use)
    use = Plot("Use of the prototypes", [line], "prototype, by use", "share of train (%)")
    rows, titles = [], []
    for k, of_k in zip(chosen.tolist(), nearest, strict=True):
        names = [name_of(c, examples.class_names) for c in examples.label[of_k].tolist()]
        images = examples.pictures(of_k)
        rows.append([Picture(i, c) for i, c in zip(images, names, strict=True)])
        titles.append(f"prototype {k}, {100 * float(share[k]):.1f} %")
    return Panel("prototypes", "Prototypes", text, [use, Pictures(rows, row_titles=titles)])
