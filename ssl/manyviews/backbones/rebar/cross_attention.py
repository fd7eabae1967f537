"""REBAR's measure: how well one series is rebuilt from another.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", 2024, arXiv 2311.00519. Deviations: the identity matrices of the official in-projection
are left out; the denominator of the partial convolution has no epsilon.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.rebar.candidate_distances import distances
from manyviews.backbones.rebar.dilated_net import DilatedNet
from manyviews.backbones.rebar.reversible_norm import ReversibleNorm, Statistics, statistics
from manyviews.backbones.series import without_missing

ON_CPU, ELSEWHERE = 2**23, 2**28  # bytes of a map of activations
Stats = Literal["anchor", "anchor_observed", "candidate", "own"]


class CrossAttention(Backbone):
    """Rebuilds an anchor, of which steps are missing, from a candidate.

    Args:
        in_channels: C.
        width: E of queries, keys and values.
        blocks: n; a query sees 1 + (kernel - 1) * 2^n steps.
        kernel: steps.
        dropout: of the attention while training.
        stats: whose mean and deviation normalise both series: of the anchor, of the steps of it
            that are observed, or of the candidate; or each its own.
    """

    reads = "series"

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 256,
        blocks: int = 1,
        kernel: int = 15,
        dropout: float = 0.1,
        stats: Stats = "anchor",
    ) -> None:
        super().__init__()
        self.norm = ReversibleNorm(in_channels)
        self.query = DilatedNet(in_channels, width, blocks, kernel)
        self.key = DilatedNet(in_channels, width, blocks, kernel)
        self.value = DilatedNet(in_channels, width, blocks, kernel)
        self.output = nn.Linear(width, in_channels)
        self.dropout, self.stats = nn.Dropout(dropout), stats
        self.embedding_dim, self.in_channels = width, in_channels

    def forward(self, series: Float[Tensor, "B C T"]) -> Float[Tensor, "B E"]:
        """Largest key of each channel: their mean over time is 0 behind the instance norm."""
        known = without_missing(series)
        return self.key(self.norm(known, statistics(known))).amax(-1)

    def reconstruct(
        self,
        anchor: Float[Tensor, "B C T"],
        observed: Bool[Tensor, "#B T"],
        candidate: Float[Tensor, "B C T"],
    ) -> Float[Tensor, "B C T"]:
        """The anchor, rebuilt from the candidate by what the observed steps ask for.

        Args:
            anchor: what queries are made of; what is missing of it is looked at for mean and
                deviation alone, where `stats` says so.
            observed: true where it is seen, the same for all channels.
            candidate: what keys and values are made of.
        """
        of_anchor, of_candidate = self.statistics(anchor, observed, candidate)
        attention = self.attention(anchor, observed, candidate)
        v = self.value(self.norm(candidate, of_candidate))
        rebuilt = self.output(self.dropout(attention) @ v.mT).mT
        return self.norm.inverse(rebuilt, of_anchor)

    def attention(
        self,
        anchor: Float[Tensor, "B C T"],
        observed: Bool[Tensor, "#B T"],
        candidate: Float[Tensor, "B C T"],
    ) -> Float[Tensor, "B T T"]:
        """How much each step of the anchor looks at each of the candidate; rows sum to 1."""
        of_anchor, of_candidate = self.statistics(anchor, observed, candidate)
        q = self.query(self.norm(anchor, of_anchor), observed)
        k = self.key(self.norm(candidate, of_candidate))
        return (q.mT @ k / k.shape[1] ** 0.5).softmax(-1)

    @torch.no_grad()
    def distances(
        self,
        anchor: Float[Tensor, "B C T"],
        candidates: Float[Tensor, "K B C T"],
        observed: Bool[Tensor, "*mask T"],
        *,
        missing: int,
        limit: int | None = None,
    ) -> Float[Tensor, "K B"]:
        """Sum of squared errors over the missing entries of each anchor, by candidate.

        It runs in float32 or wider, whatever the precision around it.

        Args:
            anchor: one per row.
            candidates: K of each anchor.
            observed: broadcasts against (K, B, T): one mask (T,), one per anchor (B, T) or one per
                candidate (K, 1, T).
            missing: how many steps of each mask are not observed.
            limit: bytes of a map of activations; as many pairs as fit are worked on at once.
        """
        masks = observed[(None,) * (3 - observed.ndim)]
        device = anchor.device.type
        if limit is None:
            limit = ON_CPU if device == "cpu" else ELSEWHERE
        with torch.autocast(device, enabled=False):
            return distances(
                self,
                anchor[:, None],
                candidates.transpose(0, 1),
                masks.transpose(0, 1),
                missing,
                limit,
            ).mT

    def statistics(
        self,
        anchor: Float[Tensor, "*#B C T"],
        observed: Bool[Tensor, "*#B T"],
        candidate: Float[Tensor, "*#B C T"],
    ) -> tuple[Statistics, Statistics]:
        """What normalises the anchor, which is also its way back, and the candidate."""
        if self.stats == "own":
            return statistics(anchor), statistics(candidate)
        if self.stats == "candidate":
            both = statistics(candidate)
        else:
            both = statistics(anchor, observed if self.stats == "anchor_observed" else None)
        return both, both
