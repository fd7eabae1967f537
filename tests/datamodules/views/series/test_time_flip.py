import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.time_flip import TimeFlip


def test_time_runs_backwards_below_the_probability():
    series, operation = torch.randn(40, 3, 5), TimeFlip(0.6)
    u = numbers_of(operation, series)
    pairs = zip(series, u[:, 0], strict=True)
    expected = torch.stack([x[:, [4, 3, 2, 1, 0]] if n < 0.6 else x for x, n in pairs])
    assert torch.equal(operation(series, u), expected)
