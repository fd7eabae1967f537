"""The measures that need no labels, each with how it was computed, as protocol and callback use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from jaxtyping import Float
from torch import Tensor

from manyviews.evaluation.answers import Better, Scalar
from manyviews.evaluation.measures import lidar
from manyviews.evaluation.measures.alignment import alignment, uniformity
from manyviews.evaluation.measures.power_law import WIDE_WINDOW, WINDOW, PowerLaw, alpha_req
from manyviews.evaluation.measures.spectrum import (
    EPSILON,
    effective_rank,
    entropy_rank,
    singular_values,
)
from manyviews.evaluation.measures.undefined import Undefined

COMPARE = {"compare": "only runs of one method on the same data, with the same n and dim"}
RAW = {"centred": False, "normalised": False}
CENTRED = {"centred": True, "normalised": False}
NORMALISED = {"centred": False, "normalised": True}
BEST_ALPHA = 1.0  # of alpha-ReQ's authors: faster or slower decay is worse


def of_embeddings(z: Float[Tensor, "N D"]) -> Iterator[Scalar]:
    """Yield the measures that read one embedding of each item."""
    n, dim = z.shape
    size: dict[str, Any] = {"n": n, "dim": dim}
    if n < dim:
        size["note"] = f"{n:,} embeddings of {dim:,} dimensions: no rank can exceed {n:,}"
    centred = cache(lambda: singular_values(z, centred=True))
    rank = {**size, **COMPARE}
    yield _scalar(
        "rankme",
        lambda: entropy_rank(singular_values(z), EPSILON),
        "higher",
        {**rank, **RAW, "epsilon": EPSILON},
    )
    yield _scalar(
        "rankme_centred",
        lambda: entropy_rank(centred(), EPSILON),
        "higher",
        {**rank, **CENTRED, "epsilon": EPSILON},
    )
    yield _scalar("effective_rank", lambda: effective_rank(z), "higher", {**rank, **NORMALISED})
    yield _scalar(
        "effective_rank_centred",
        lambda: entropy_rank(centred().square()),
        "higher",
        {**rank, **CENTRED},
    )
    for name, window in {"alpha_req": WINDOW, "alpha_req_3_100": WIDE_WINDOW}.items():
        fit = cache(lambda window=window: alpha_req(centred().square(), window))
        yield _alpha(name, fit, {**rank, **CENTRED, "window": [*window], "weights": "1/i"})
    yield _scalar("uniformity", lambda: uniformity(z), "lower", {**size, **NORMALISED, "t": 2.0})


def _alpha(name: str, fit: Callable[[], PowerLaw], details: dict[str, Any]) -> Scalar:
    """Return the exponent, with the window and the quality of its fit in the details."""
    found = _scalar(name, lambda: fit().alpha, None, details)
    if found.value is None:
        return found
    used = {"window": [fit().first, fit().last], "r2": fit().r2}
    return found._replace(details={**found.details, **used})


def of_views(features: Float[Tensor, "n q D"]) -> Iterator[Scalar]:
    """Yield the measures that compare random views of a sample with those of other samples."""
    n, q, dim = features.shape
    size: dict[str, Any] = {"n": n, "q": q, "dim": dim}
    capped = {}
    if n < 2 * dim:
        capped["note"] = (
            f"{n:,} samples are fewer than twice the {dim:,} dimensions: the value is too low, and "
            f"at most {min(n - 1, dim):,}"
        )
    found = cache(lambda: lidar.scatter(features))
    yield _scalar(
        "lidar",
        lambda: lidar.lidar(found()),
        "higher",
        {**size, **COMPARE, **CENTRED, "delta": lidar.DELTA, "epsilon": lidar.EPSILON, **capped},
    )
    yield _scalar(
        "fisher_ratio", lambda: lidar.fisher_ratio(found()), "higher", {**size, "chance": 1 / q}
    )
    yield _scalar("alignment", lambda: alignment(features), "lower", {**size, **NORMALISED})


def _scalar(
    name: str, compute: Callable[[], float], better: Better | None, details: dict[str, Any]
) -> Scalar:
    """Return a measure; one without a value says why in its details."""
    try:
        return Scalar(name, compute(), better, details)
    except Undefined as error:
        return Scalar(name, None, better, {**details, "undefined": str(error)})


def merit(metric: str, value: float) -> float:
    """Return a number that is the larger the better the value of a metric is.

    Losses, alignment and uniformity are better if they are lower, alpha-ReQ if it is nearer to 1,
    and everything else if it is higher.

    Args:
        metric: its name, such as `online/label_free@1/rankme` or `train/loss`.
        value: its value.

    >>> merit("online/label_free@1/alpha_req", 1.5)
    -0.5
    """
    name = metric.rpartition("/")[2]
    if name.startswith("alpha_req"):
        return -abs(value - BEST_ALPHA)
    lower = name in ("alignment", "uniformity") or metric.startswith("train/loss")
    return -value if lower else value
