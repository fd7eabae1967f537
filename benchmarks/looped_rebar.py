"""REBAR in the order of work of the official code: the reference of the suite `rebar`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.backbones.rebar.dilated_net import DilatedNet


class Looped:
    """The distance of a network as the official code computes it; series are (B, T, C) inside."""

    def __init__(self, net: CrossAttention) -> None:
        self.net = net
        self.identity = torch.cat([torch.eye(net.embedding_dim)] * 3)
        self.ones = torch.ones_like(net.query.first.weight)

    @torch.no_grad()
    def distance(self, anchor: Tensor, candidate: Tensor, observed: Tensor) -> Tensor:
        """Return the distance of one candidate from each anchor."""
        a, c = anchor.mT, candidate.mT
        seen = observed[:, None].expand_as(a)
        rebuilt = self.reconstruct(a, seen, c)
        rows, _, channels = a.shape
        error = (rebuilt[~seen] - a[~seen]).view(rows, -1, channels)
        return error.square().sum((1, 2))

    def reconstruct(self, a: Tensor, seen: Tensor, c: Tensor) -> Tensor:
        """Reconstruct all steps of the anchor from the candidate."""
        norm, out = self.net.norm, self.net.output
        mean = a.mean(1, keepdim=True)
        std = (a.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        a, c = (((x - mean) / std * norm.weight + norm.bias).mT for x in (a, c))
        all_seen = torch.ones_like(c)
        q = self.features(self.net.query, a, seen.mT).permute(2, 0, 1)
        k = self.features(self.net.key, c, all_seen).permute(2, 0, 1)
        v = self.features(self.net.value, c, all_seen).permute(2, 0, 1)
        found, _ = F.multi_head_attention_forward(
            q, k, v, self.net.embedding_dim, 1, self.identity, None, None, None, False, 0.1,
            out.weight, out.bias, training=False, need_weights=False,
        )  # fmt: skip
        return (found.permute(1, 0, 2) - norm.bias) / (norm.weight + 1e-10) * std + mean

    def features(self, net: DilatedNet, x: Tensor, seen: Tensor) -> Tensor:
        """Return the features of a net: partial convolution, then blocks of torch modules."""
        instance_norm = nn.InstanceNorm1d(self.net.embedding_dim)
        x = instance_norm(F.gelu(self.partial(net, x, seen)))
        for block in net.blocks:
            x = instance_norm(F.gelu(block.get_submodule("conv")(
                block.get_submodule("shrink")(x)) + x))  # fmt: skip
        return x

    def partial(self, net: DilatedNet, x: Tensor, seen: Tensor) -> Tensor:
        """Return the partial convolution; the mask is convolved for every output channel."""
        first = net.first
        bias = first.bias[:, None]
        count = F.conv1d(seen.float(), self.ones, padding=first.reach)
        some = count.clamp(0, 1)
        factor = self.ones[0].numel() / (count + 1e-8) * some
        raw = F.conv1d(x * seen, first.weight, first.bias, padding=first.reach)
        return ((raw - bias) * factor + bias) * some


def looped_loss(
    anchor: Tensor,
    candidates: Tensor,
    positive: Tensor,
    *,
    temperature: float,
    between_weight: float,
) -> Tensor:
    """Return the loss row by row: a softmax over candidates, and one over the other anchors."""
    within, between = torch.zeros(len(anchor)), torch.zeros(len(anchor))
    for b, (a, k) in enumerate(zip(anchor, positive, strict=True)):
        score = F.cosine_similarity(a[None], candidates[:, b]) / temperature
        within[b] = -F.log_softmax(score, 0)[k]
        against = torch.cat([candidates[k, b][None], anchor[:b], anchor[b + 1 :]])
        score = F.cosine_similarity(a[None], against) / temperature
        between[b] = -F.log_softmax(score, 0)[0]
    return between_weight * between.mean() + (1 - between_weight) * within.mean()
