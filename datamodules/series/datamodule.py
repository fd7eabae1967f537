"""The data module for time series: views of windows for training, clean windows for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews.batch import Sample
from manyviews.datamodules.module import Rows, Split, ViewData
from manyviews.datamodules.series import baselines
from manyviews.datamodules.series.drawing import draw_series
from manyviews.datamodules.series.splits import SeriesSplits
from manyviews.datamodules.series.window_index import Starts, starts
from manyviews.datamodules.series.windows import Prepare
from manyviews.datamodules.views.series.pipeline import SeriesViews, normalise
from manyviews.errors import ConfigError

CLEAN_BATCH = 512  # windows per evaluation batch


class SeriesData(ViewData[SeriesSplits, SeriesViews]):
    """A data module for series: views and clean windows; see `ViewData`.

    Raises:
        ConfigError: an anchor could have no candidate, or labels come from a file although the
            rows are not the windows of the training split.
    """

    reads = "series"
    item = "window"
    further = ("balanced_accuracy", "macro_f1", "macro_auroc", "macro_auprc")

    def __init__(self, splits: SeriesSplits, views: SeriesViews, **options: Any) -> None:
        super().__init__(splits, views, **options)
        if views.per_subject is not None and self.given_label is not None:
            raise ConfigError(
                "data.labels is for the training windows; type views.per_subject=null"
            )
        views.check(splits.train, self.starts, splits.train.recordings.subjects)

    @cached_property
    def starts(self) -> Starts:
        """All steps at which windows can begin in the training recordings."""
        return starts(self.splits.train.recordings, self.splits.train.length)

    @property
    def trained(self) -> Rows:
        """The training windows, or `views.per_subject` rows for every subject."""
        windows, count = self.splits.train, self.views.per_subject
        if count is None:
            return super().trained
        # Such views are drawn anew in every epoch; a row only says which subject they come from.
        first = self.starts.subject[:-1][self.starts.subject.diff() > 0]
        return windows.at(self.starts.step(first).repeat_interleave(count))

    def prepare(self) -> Prepare:
        """Return a function that cuts the views of rows, even outside the rows' own windows."""
        return partial(self.views.cut, seed=self.seed, starts=self.starts)

    @property
    def clean_batch(self) -> int:
        """Number of windows in a batch of `clean`."""
        return CLEAN_BATCH

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Yield normalised windows without augmentation, in order; by default all of the split."""
        windows = self.rows_of(split)
        rows = torch.arange(len(windows.label)) if rows is None else rows
        for sample in windows.samples(rows.split(self.clean_batch)):
            series = normalise(sample.input, self.mean, self.std)
            yield sample._replace(input=series)

    def groups(self, split: Split) -> tuple[Int64[Tensor, " N"], tuple[str, ...]] | None:
        """Return the subject of every window and all names; None if nobody knows the subjects."""
        group = self.rows_of(split).group
        return None if group is None else (group, self.splits.train.recordings.subjects)

    def controls(self) -> dict[str, Callable[[Split], Float[Tensor, "N D"]]]:
        """Return baselines by name: functions from a split to features of its labelled windows."""
        return {
            "mean_std": partial(self._features, baselines.mean_std),
            "spectrum": partial(self._features, baselines.spectrum),
            "raw_series": partial(self._features, baselines.raw),
            "random_convolutions": partial(self._features, baselines.random_convolutions),
        }

    def _features(self, of: Callable[[Tensor], Tensor], split: Split) -> Float[Tensor, "N D"]:
        """Return the features of the normalised windows that evaluation reads."""
        return torch.cat([of(sample.input) for sample in self.clean(split, self.probed(split))])

    def pictures(self, view: Float[Tensor, "B C T"]) -> UInt8[np.ndarray, "B 3 H W"]:
        """Draw views as lines."""
        return draw_series(view)

    def originals(self, split: Rows, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B 3 H W"]:
        """Draw windows as lines, on the scale of the views."""
        return draw_series(normalise(split.sample(rows).input, self.mean, self.std))
