import numpy as np
import torch
from numbers_of import numbers_of
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from manyviews.datamodules.views.series.time_warp import TimeWarp


def read_along_the_curve(x, row, sigma, knots):
    """One sample with scipy's spline and numpy's interpolation."""
    step = np.arange(x.shape[1])
    number = ndtri(row[1:] + 2.0**-25)
    curve = CubicSpline(np.linspace(0, step[-1], knots + 2), 1 + sigma * number)(step)
    curve = np.maximum(curve, 0.1)
    passed = np.concatenate([[0], np.cumsum((curve[1:] + curve[:-1]) / 2)])
    return [np.interp(passed / passed[-1] * step[-1], step, channel) for channel in x]


def test_the_window_is_read_along_the_integral_of_the_spline():
    series, operation = torch.randn(30, 2, 64), TimeWarp(0.6, 0.4, 4)
    u = numbers_of(operation, series)
    expected = [
        read_along_the_curve(x, row, 0.4, 4) if row[0] < 0.6 else x
        for x, row in zip(series.double().numpy(), u.double().numpy(), strict=True)
    ]
    np.testing.assert_allclose(operation(series, u), expected, rtol=0, atol=1e-4)


def test_time_begins_and_ends_with_the_window_and_never_stops():
    series, operation = torch.randn(200, 1, 50), TimeWarp(1.0, 3.0)
    position = operation.positions(50, numbers_of(operation, series))
    assert (position[:, 0] == 0).all()
    torch.testing.assert_close(position[:, -1], torch.full((200,), 49.0).double())
    assert (position.diff(dim=1) > 0).all()


def test_the_ends_stay():
    series, operation = torch.randn(64, 3, 50), TimeWarp(1.0)
    found = operation(series, numbers_of(operation, series))
    assert torch.equal(found[..., [0, -1]], series[..., [0, -1]])


def test_sigma_0_is_the_identity():
    series, operation = torch.randn(8, 3, 37), TimeWarp(1.0, 0.0)
    assert torch.equal(operation(series, numbers_of(operation, series)), series)
