"""Features of fresh random views of training samples, which LiDAR and alignment compare.

Our draws are a function of (seed, epoch, position), so views that no training epoch has seen are
those of a later epoch: nothing is stored, and the same call gives the same views again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.batch import Sample
from manyviews.datamodules.module import ViewData
from manyviews.datamodules.views.series.placement import Shift
from manyviews.evaluation.features import extract
from manyviews.evaluation.subject import FreshViews

EPOCH = 2**31  # fresh views are those of this epoch and the next ones; no training gets so far
BATCH = 256  # samples whose views are made at once


def fresh_views(backbone: nn.Module, data: ViewData[Any, Any]) -> FreshViews:
    """Return the function from training rows and q to features (n, q, D) of q random views of each.

    The views are of the first kind that the data declare, the large ones. Features are those of
    `extract`: evaluation mode, float32, without gradients. Views are made on the backbone's device.

    Args:
        backbone: a module from views (B, C, H, W) or (B, C, T) to embeddings (B, D).
        data: the data set with its views.

    Raises:
        ValueError: a view of a row can show another window, see `shows_one_sample`.
    """
    if not shows_one_sample(data):
        raise ValueError("a view of a row can show another window, so it is no view of one sample")
    drawn = _with_one_view(data)
    device = next(backbone.parameters(), torch.zeros(())).device

    def features(position: Int64[Tensor, " n"], views: int) -> Float32[Tensor, "n q D"]:
        """Return the features of `views` random views of the training rows at these positions."""
        epochs = range(EPOCH, EPOCH + views)
        samples = chain.from_iterable(_views(drawn, position.cpu(), e, device) for e in epochs)
        found = extract(backbone, samples).embedding
        return found.unflatten(0, (views, len(position))).transpose(0, 1)

    return features


def shows_one_sample(data: ViewData[Any, Any]) -> bool:
    """Return False if a view of a row can show another window than the row's own.

    Anchors of REBAR do, and such views are no views of one sample.
    """
    place = getattr(next(iter(data.views)), "place", None)
    return place is None or isinstance(place, Shift)


def _with_one_view(data: ViewData[Any, Any]) -> ViewData[Any, Any]:
    """Return the data module with a single view of every sample, the first one."""
    drawn, views = copy.copy(data), copy.copy(data.views)
    name, kind = next(iter(views.kinds.items()))
    kind = copy.copy(kind)
    kind.count = 1
    views.kinds = {name: kind}
    drawn.views, drawn.given_label = views, None
    return drawn


def _views(
    data: ViewData[Any, Any], position: Int64[Tensor, " n"], epoch: int, device: torch.device
) -> Iterator[Sample]:
    """Yield the view of each of these training rows in an epoch, in batches."""
    for sample in data.splits.train.samples(position.split(BATCH), data.prepare(), epoch):
        x, at, label = sample.input, sample.position.to(device), sample.label.to(device)
        moved = [view.to(device) for view in x] if isinstance(x, list) else x.to(device)
        (view,) = data.make_batch(Sample(moved, label, at), epoch).views
        yield Sample(_as_expected(view, data), sample.label, sample.position)


def _as_expected(view: Float[Tensor, "B ..."], data: ViewData[Any, Any]) -> Float[Tensor, "B ..."]:
    """Return views of images enlarged or reduced as the backbone expects of whole images.

    A backbone that was trained elsewhere may expect another size than that of these data.
    """
    ratio = [wanted / given for wanted, given in zip(data.size, data.splits.size, strict=True)]
    if len(ratio) < 2 or data.size == data.splits.size:
        return view
    size = [round(side * by) for side, by in zip(view.shape[2:], ratio, strict=True)]
    return F.interpolate(view, size, mode="bicubic", antialias=True)
