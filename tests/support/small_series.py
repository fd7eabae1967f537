"""A few recordings of people who change between two states, a slow wave and a fast one."""

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.splits import SeriesSplits, Windowing, split
from manyviews.datamodules.views.series.pipeline import SeriesView, SeriesViews
from manyviews.datamodules.views.series.placement import Anywhere, Candidates


def waves(
    people: int = 6,
    bouts: int = 4,
    dwell: int = 60,
    window: int = 16,
    val: list[str] | None = None,
) -> SeriesSplits:
    """The last two people are held out, and those in `val`; every state lasts `dwell` steps."""
    generator = torch.Generator().manual_seed(0)
    label = (torch.arange(bouts * dwell) // dwell) % 2
    made = []
    for p in range(people):
        phase = torch.where(label == 0, 0.5, 1.3).cumsum(0) + p
        value = torch.stack([phase.sin(), phase.cos()], 1)
        value = value + 0.1 * torch.randn(value.shape, generator=generator)
        made.append(Recording(value, label, f"person {p}", f"recording {p}"))
    held = join(made, rate=50.0, channels=("x", "y"), classes=("slow", "fast"))
    test = [f"person {p}" for p in range(people - 2, people)]
    return split("waves", held, Windowing(window=window, test=test, val=val))


def candidates(count, per_subject=None):
    """The views of REBAR."""
    return SeriesViews(
        per_subject,
        anchor=SeriesView(1, {}, Anywhere()),
        candidates=SeriesView(count, {}, Candidates()),
    )


def windows():
    """The windows themselves."""
    return SeriesViews(window=SeriesView(1, {}))


def data(views, batch_size=8, splits=None):
    return SeriesData(splits or waves(), views, batch_size=batch_size, seed=0)


class Convolution(Backbone):
    """A convolution, batch norm, and the largest value over time."""

    reads = "series"

    def __init__(self, in_channels=2, width=12):
        super().__init__()
        self.conv = torch.nn.Conv1d(in_channels, width, 5, padding=2)
        self.norm = torch.nn.BatchNorm1d(width)
        self.embedding_dim, self.in_channels = width, in_channels

    def forward(self, series):
        return self.norm(self.conv(series)).amax(-1)
