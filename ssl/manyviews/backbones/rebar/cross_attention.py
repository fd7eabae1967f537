"""REBAR's measure of similarity: the error of one series rebuilt from another by cross-attention.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", 2024, arXiv 2311.00519. Deviations: the identity matrices of the official in-projection
are left out; the denominator of the partial convolution has no epsilon.
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.rebar.dilated_net import DilatedNet
from manyviews.backbones.rebar.reversible_norm import ReversibleNorm, Statistics, statistics
from manyviews.backbones.series import without_missing
from manyviews.ranges import Layers, Share, Size, within_ranges

Stats = Literal["anchor", "anchor_observed", "candidate", "own"]


class CrossAttention(Backbone):
    """A cross-attention net that rebuilds the missing steps of an anchor from a candidate.

    Args:
        in_channels: C.
        width: E, the width of queries, keys and values.
        blocks: n; a query sees 1 + (kernel - 1) * 2^n steps.
        kernel: length of every convolution in steps, odd.
        dropout: probability of dropping an attention weight while training.
        stats: where the mean and deviation that normalise both series come from: "anchor",
            "anchor_observed" (its observed steps only) or "candidate"; "own" normalises each series
            by itself.
    """

    reads = "series"

    @within_ranges
    def __init__(
        self,
        in_channels: Size,
        *,
        width: Size = 256,
        blocks: Layers = 1,
        kernel: Size = 15,
        dropout: Share = 0.1,
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
        """Return one embedding per series: the maximum over time of each channel of the keys."""
        # Not the mean: the instance norm at the end of the net makes it 0 for every series.
        known = without_missing(series)
        return self.key(self.norm(known, statistics(known))).amax(-1)

    def reconstruct(
        self,
        anchor: Float[Tensor, "B C T"],
        observed: Bool[Tensor, "#B T"],
        candidate: Float[Tensor, "B C T"],
    ) -> Float[Tensor, "B C T"]:
        """Return the anchor rebuilt from the candidate: norm^-1(W softmax(q^T k / sqrt(E)) v + b).

        Args:
            anchor: the queries q are computed from its observed steps. With `stats` "anchor" or
                "own" its missing steps still count in the mean and deviation.
            observed: True at the steps that the query net may see, in all channels alike.
            candidate: keys k and values v are computed from all its steps.
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
        """Return softmax(q^T k / sqrt(E)): row t weighs the candidate's steps for anchor step t."""
        of_anchor, of_candidate = self.statistics(anchor, observed, candidate)
        q = self.query(self.norm(anchor, of_anchor), observed)
        k = self.key(self.norm(candidate, of_candidate))
        return (q.mT @ k / k.shape[1] ** 0.5).softmax(-1)

    def statistics(
        self,
        anchor: Float[Tensor, "*#B C T"],
        observed: Bool[Tensor, "*#B T"],
        candidate: Float[Tensor, "*#B C T"],
    ) -> tuple[Statistics, Statistics]:
        """Return the mean and deviation that normalise the anchor, and those for the candidate.

        The anchor's also bring the reconstruction back to the anchor's units.
        """
        if self.stats == "own":
            return statistics(anchor), statistics(candidate)
        if self.stats == "candidate":
            both = statistics(candidate)
        else:
            both = statistics(anchor, observed if self.stats == "anchor_observed" else None)
        return both, both
