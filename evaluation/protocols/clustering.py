"""Cluster the test embeddings by k-means and compare the clusters with the classes."""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Clusters, Draws
from manyviews.evaluation.subject import Subject
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

    def __call__(self, subject: Subject) -> Draws:
        """Return the clusters of the test items for each seed.

        Raises:
            ConfigError: there is one test item, which agrees with any classes.
        """
        if len(subject.test.label) < 2:
            raise ConfigError("clustering needs two test items or more, and there is one")
        k = len(subject.test.label.unique())
        return Draws([self._of(subject.test.embedding, k, s) for s in range(self.seeds)])

    def _of(self, embedding: Float[Tensor, "N D"], k: int, seed: int) -> Clusters:
        means = KMeans(k, n_init=self.starts, random_state=seed)  # pyright: ignore[reportArgumentType]
        # Threads of numpy's products would fight for the cores with those of k-means itself.
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # It warns if there are fewer distinct embeddings than clusters; the scores show that.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return Clusters(torch.from_numpy(means.fit_predict(embedding.cpu().numpy())).long())
