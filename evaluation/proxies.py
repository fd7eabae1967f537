"""Rank the measures without labels by how well they order checkpoints or runs as a probe does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from scipy.stats import rankdata

from manyviews.evaluation.measures.intervals import percentiles
from manyviews.evaluation.measures.label_free import merit

FEWEST_POINTS = 8  # below so many points no correlation is given
DRAWS = 2000  # resamples of the points


class Point(NamedTuple):
    """One scored checkpoint.

    Attributes:
        name: run and step, in words.
        probe: score of the probe.
        measures: value of each measure without labels by name.
    """

    name: str
    probe: float
    measures: Mapping[str, float]


class Proxy(NamedTuple):
    """How well one measure orders the points as the probe does.

    Attributes:
        measure: its name.
        points: number of points that have a value of it.
        rho: Spearman's rank correlation of its merit with the probe: 1 if both order the points
            alike. None if there are too few points, or all have one value.
        low: lower end of its 95 % bootstrap interval over points.
        high: upper end.
        said: a remark in words, or "".
    """

    measure: str
    points: int
    rho: float | None = None
    low: float | None = None
    high: float | None = None
    said: str = ""


def proxies(points: Sequence[Point]) -> list[Proxy]:
    """Return a row per measure, the best proxy first.

    Values count by their merit (`measures.label_free.merit`): the sign of alignment and uniformity
    is turned, and alpha-ReQ counts by its distance from 1. So a good proxy has a rho near 1,
    whichever way its measure points.
    """
    names = dict.fromkeys(name for point in points for name in point.measures)
    found = [_proxy(name, [p for p in points if name in p.measures]) for name in names]
    return sorted(found, key=lambda proxy: -2.0 if proxy.rho is None else proxy.rho, reverse=True)


def _proxy(measure: str, points: Sequence[Point]) -> Proxy:
    count = len(points)
    if count < FEWEST_POINTS:
        return Proxy(measure, count, said=f"too few: {count} points, at least {FEWEST_POINTS}")
    value = np.array([merit(measure, point.measures[measure]) for point in points])
    probe = np.array([point.probe for point in points])
    if len({*value}) == 1 or len({*probe}) == 1:
        what = "probe" if len({*probe}) == 1 else "measure"
        return Proxy(measure, count, said=f"the {what} has the same value for all points")
    rho, low, high = percentiles(
        float(rank_correlation(value[None], probe[None])[0]), resampled(value, probe)
    )
    said = ""
    if low == high:
        said = f"all {count} points are in one order, so that the interval has no width"
    return Proxy(measure, count, rho, low, high, said)


def resampled(
    value: Float64[np.ndarray, " n"], probe: Float64[np.ndarray, " n"], *, seed: int = 0
) -> Float64[torch.Tensor, " R"]:
    """Return the rank correlation on resamples of the points; NaN if a resample has one value."""
    rows = np.random.default_rng(seed).integers(len(value), size=(DRAWS, len(value)))
    return torch.from_numpy(rank_correlation(value[rows], probe[rows]))


def rank_correlation(
    a: Float64[np.ndarray, "R n"], b: Float64[np.ndarray, "R n"]
) -> Float64[np.ndarray, " R"]:
    """Return Spearman's rank correlation of each pair of rows, as `scipy.stats.spearmanr` for one.

    Equal values share their mean rank. A row with a single value gives NaN.
    """
    ranks = [rankdata(x, axis=1) for x in (a, b)]
    a, b = (x - x.mean(1, keepdims=True) for x in ranks)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.divide((a * b).sum(1), scale, out=np.full(len(a), np.nan), where=scale > 0)
