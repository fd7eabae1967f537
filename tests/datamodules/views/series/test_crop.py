import numpy as np
import pytest
import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.crop import Crop


def piece(x, row, share, out):
    """One sample, cut and stretched with numpy."""
    length = x.shape[1]
    steps = max(round((share[0] + (share[1] - share[0]) * row[0]) * length), 1)
    start = int(row[1] * (length - steps + 1))
    cut, at = x[:, start : start + steps], np.linspace(0, steps - 1, out)
    return [np.interp(at, np.arange(steps), channel) for channel in cut]


@pytest.mark.parametrize(
    ("share", "length", "out"), [([0.2, 1.0], None, 40), ([0.1, 0.5], 24, 24), ([0.0, 0.1], 9, 9)]
)
def test_a_piece_is_stretched_to_the_length(share, length, out):
    series, operation = torch.randn(60, 2, 40), Crop(share, length)
    u = numbers_of(operation, series)
    expected = [
        piece(x, row, share, out)
        for x, row in zip(series.double().numpy(), u.double().numpy(), strict=True)
    ]
    assert operation.size(40) == out
    np.testing.assert_allclose(operation(series, u), expected, rtol=0, atol=2e-4)


def test_a_piece_that_has_the_length_is_cut_bit_for_bit_anywhere():
    series, operation = torch.arange(20.0).expand(400, 1, 20), Crop([0.5, 0.5], 10)
    found = operation(series, numbers_of(operation, series))
    assert torch.equal(found, found[..., :1] + torch.arange(10.0))
    assert found[..., 0].unique().tolist() == [*range(11)]


def test_the_whole_window_is_the_identity():
    series, operation = torch.randn(8, 3, 37), Crop([1.0, 1.0])
    assert torch.equal(operation(series, numbers_of(operation, series)), series)


def test_a_piece_that_shrinks_is_smoothed():
    series, operation = torch.randn(64, 2, 400), Crop([1.0, 1.0], 50)
    found = operation(series, numbers_of(operation, series))
    # A triangle of eight steps to either side keeps about 2 / (3 * 8) of the power of noise.
    assert abs(found.var() - 1 / 12) < 0.01
