import math

import numpy as np
import pytest
import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.speed import Speed


def at_speed(x, row, probability, factor):
    """One sample with a loop over steps: means under triangles."""
    length = x.shape[1]
    out = math.floor((length - 1) / max(factor[1], 1)) + 1
    pace = factor[0] * (factor[1] / factor[0]) ** row[1] if row[0] < probability else 1.0
    start = int(row[2] * (math.floor(length - 1 - pace * (out - 1)) + 1))
    weight = np.abs(np.arange(length) - (start + pace * np.arange(out))[:, None])
    weight = np.maximum(0, 1 - weight / max(pace, 1))
    return (x @ weight.T) / weight.sum(1)


@pytest.mark.parametrize("factor", [[0.8, 1.25], [0.5, 0.9], [1.5, 3.0]])
def test_a_piece_is_read_at_the_drawn_speed(factor):
    series, operation = torch.randn(60, 2, 50), Speed(0.7, factor)
    u = numbers_of(operation, series)
    expected = [
        at_speed(x, row, 0.7, factor)
        for x, row in zip(series.double().numpy(), u.double().numpy(), strict=True)
    ]
    found = operation(series, u)
    assert found.shape[2] == operation.size(50)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)


def test_a_ramp_rises_at_the_drawn_speed():
    series, operation = torch.arange(100.0).expand(300, 1, 100), Speed(1.0, [0.8, 1.25])
    found = operation(series, numbers_of(operation, series))
    rise = (found[..., -6] - found[..., 5]) / 69  # at the ends the triangle is cut
    assert 0.799 < rise.min() < 0.81
    assert 1.24 < rise.max() < 1.252
    assert abs(rise.log().mean()) < 0.02


def test_a_speed_of_1_is_the_identity():
    series, operation = torch.randn(8, 3, 37), Speed(1.0, [1.0, 1.0])
    assert torch.equal(operation(series, numbers_of(operation, series)), series)


def test_what_is_not_changed_is_a_piece_bit_for_bit():
    series, operation = torch.arange(50.0).expand(200, 1, 50), Speed(0.0, [0.8, 1.25])
    found = operation(series, numbers_of(operation, series))
    assert torch.equal(found, found[..., :1] + torch.arange(40.0))
    assert found[..., 0].unique().tolist() == [*range(11)]
