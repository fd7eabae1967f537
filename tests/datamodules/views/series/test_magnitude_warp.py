import numpy as np
import torch
from numbers_of import numbers_of
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from manyviews.datamodules.views.series.magnitude_warp import MagnitudeWarp


def test_every_channel_is_multiplied_by_the_spline_through_its_knots():
    series, operation = torch.randn(12, 2, 40), MagnitudeWarp(0.6, 0.2, 4)
    u = numbers_of(operation, series)
    expected = series.double().numpy().copy()
    for x, row in zip(expected, u.double().numpy(), strict=True):
        if row[0] < 0.6:
            knots = 1 + 0.2 * ndtri(row[1:] + 2.0**-25).reshape(2, 6)
            x *= [CubicSpline(np.linspace(0, 39, 6), k)(np.arange(40)) for k in knots]
    np.testing.assert_allclose(operation(series, u).numpy(), expected, rtol=0, atol=1e-5)


def test_sigma_0_is_the_identity():
    series, operation = torch.randn(8, 3, 20), MagnitudeWarp(1.0, 0.0)
    assert torch.equal(operation(series, numbers_of(operation, series)), series)
