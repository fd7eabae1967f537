"""Cluster the test embeddings by k-means and compare the clusters with the classes."""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from manyviews.evaluation.features import Features
from manyviews.ranges import Size, within_ranges


class Clustering:
    """k-means of the unscaled test embeddings, with as many clusters as classes occur in test.

    Train items are not used. Each seed keeps the best of several starts (k-means++).

    Args:
        version: version of the protocol; part of its name.
        seeds: number of clusterings, one for each seed; scores are means over them.
        starts: number of starts for each seed.

    Raises:
        ConfigError: seeds or starts is below 1.
    """

    @within_ranges
    def __init__(self, version: Size, seeds: Size = 5, starts: Size = 10) -> None:
        self.version, self.seeds, self.starts = version, seeds, starts

    def __call__(self, train: Features, test: Features, classes: int) -> dict[str, Tensor]:
        """Return `clusters`, int64 (S, Q): the cluster of each of Q test items for S seeds."""
        k = len(test.label.unique())
        return {
            "clusters": torch.stack([self._of(test.embedding, k, s) for s in range(self.seeds)])
        }

    def _of(self, embedding: Float[Tensor, "N D"], k: int, seed: int) -> Int64[Tensor, " N"]:
        means = KMeans(k, n_init=self.starts, random_state=seed)  # pyright: ignore[reportArgumentType]
        with warnings.catch_warnings():
            # It warns if there are fewer distinct embeddings than clusters; the scores show that.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return torch.from_numpy(means.fit_predict(embedding.numpy())).long()


def ari(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the adjusted Rand index (Hubert and Arabie 1985): 0 by chance, 1 for equal partitions.

    Args:
        table: contingency tables, one per resample: class by cluster.
    """

    def pairs(count: Tensor) -> Float64[Tensor, " R"]:
        """Return the number of pairs of items that share a cell, summed over cells."""
        return (count * (count - 1) / 2).flatten(1).sum(1)

    together, by_class, by_cluster = pairs(table), pairs(table.sum(2)), pairs(table.sum(1))
    chance = by_class * by_cluster / pairs(table.sum((1, 2))[:, None])
    gap = (by_class + by_cluster) / 2 - chance
    return ((together - chance) / gap).where(gap != 0, 1.0)  # both are one class, or all singles


def nmi(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the mutual information over the mean of both entropies; 1 if both have one part."""
    p = table / table.sum((1, 2), keepdim=True)
    entropy = [-torch.xlogy(side, side).sum(1) for side in (p.sum(2), p.sum(1))]
    joint = -torch.xlogy(p, p).sum((1, 2))
    mean = (entropy[0] + entropy[1]) / 2
    return ((sum(entropy) - joint) / mean).where(mean > 0, 1.0)


def matched_accuracy(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the accuracy with the best assignment of clusters to classes (Kuhn 1955)."""
    best = [float(t[linear_sum_assignment(t, maximize=True)].sum()) for t in table.numpy()]
    return torch.tensor(best, dtype=torch.float64) / table.sum((1, 2))
