import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from manyviews.datamodules.views.series.curves import curves


@pytest.mark.parametrize("length", [2, 9, 128])
@pytest.mark.parametrize("knots", [3, 6, 11])
def test_every_row_is_scipys_spline(knots, length):
    value = torch.randn(4, 3, knots, dtype=torch.float64)
    at = np.arange(knots) * (length - 1) / (knots - 1)
    expected = [[CubicSpline(at, row)(np.arange(length)) for row in rows] for rows in value.numpy()]
    np.testing.assert_allclose(curves(value, length).numpy(), expected, rtol=0, atol=1e-12)


def test_the_spline_through_a_line_is_the_line():
    line = torch.linspace(-1, 1, 6).expand(2, 6)
    expected = torch.linspace(-1, 1, 50).expand(2, 50)
    torch.testing.assert_close(curves(line, 50), expected)
