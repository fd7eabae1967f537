import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.negation import Negation


def test_the_sign_changes_below_the_probability():
    series, operation = torch.randn(40, 3, 5), Negation(0.6)
    u = numbers_of(operation, series)
    expected = torch.stack([-x if n < 0.6 else x for x, n in zip(series, u[:, 0], strict=True)])
    assert torch.equal(operation(series, u), expected)
