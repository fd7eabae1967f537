import math

import numpy as np
import pytest
import torch

from manyviews.datamodules.views.series.resample import resample


def test_slow_reading_is_linear_interpolation():
    series = torch.randn(5, 2, 20, dtype=torch.float64)
    position = torch.rand(5, 33, dtype=torch.float64) * 19
    expected = [
        [np.interp(p, np.arange(20), channel) for channel in x]
        for x, p in zip(series.numpy(), position.numpy(), strict=True)
    ]
    found = resample(series, position).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2.0**-14)  # grains of 2**-16 steps


@pytest.mark.parametrize("pace", [1.25, 2.0, 3.7])
def test_fast_reading_is_a_mean_under_a_triangle_as_wide_as_the_pace(pace):
    series = torch.randn(1, 1, 60, dtype=torch.float64)
    position = (torch.arange(int(59 / pace)) * pace).double()
    expected = []
    for p in position.tolist():
        weight = [max(0.0, 1 - abs(k - p) / pace) for k in range(60)]
        expected.append(np.dot(weight, series[0, 0].numpy()) / sum(weight))
    speed = torch.full((1, 1), pace, dtype=torch.float64)
    found = resample(series, position[None], speed, pace)[0, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_fast_reading_does_not_alias():
    """A tone of 0.45 of the rate, read three times as fast, would be one of 0.35 as loud as it."""
    tone = torch.sin(2 * math.pi * 0.45 * torch.arange(300.0)).expand(1, 1, 300)
    position = 3.0 * torch.arange(100).double()[None]
    plain = resample(tone, position)
    smooth = resample(tone, position, torch.full((1, 1), 3.0).double(), 3.0)
    assert smooth.std() < 0.1 * plain.std()


def test_steps_are_read_bit_for_bit_and_their_neighbours_do_not_count():
    series = torch.full((1, 1, 9), torch.nan)
    series[..., 3], series[..., 8] = 0.1, 0.7
    position = torch.tensor([[3.0, 3.0 + 1e-9, 8.0 - 1e-9]], dtype=torch.float64)
    assert torch.equal(resample(series, position), torch.tensor([[[0.1, 0.1, 0.7]]]))
