import math

import numpy as np
import torch
from numbers_of import numbers_of
from scipy.special import ndtri

from manyviews.datamodules.views.series.jitter import Jitter


def test_jitter_adds_the_normal_quantile_of_every_draw():
    series, operation = torch.randn(12, 2, 9), Jitter(0.6, 0.3)
    u = numbers_of(operation, series)
    expected = [
        x + 0.3 * ndtri(row[1:] + 2.0**-25).reshape(2, 9) * (row[0] < 0.6)
        for x, row in zip(series.numpy(), u.double().numpy(), strict=True)
    ]
    np.testing.assert_allclose(operation(series, u), expected, rtol=0, atol=1e-6)


def test_the_noise_has_its_deviation_and_no_mean():
    series = torch.zeros(400, 2, 50)
    noise = Jitter(1.0, 0.2)(series, numbers_of(Jitter(1.0), series))
    assert abs(noise.mean()) < 4 * 0.2 / math.sqrt(noise.numel())
    assert abs(noise.std() - 0.2) < 4 * 0.2 / math.sqrt(2 * noise.numel())


def test_sigma_0_is_the_identity():
    series = torch.randn(8, 3, 20)
    assert torch.equal(Jitter(1.0, 0.0)(series, numbers_of(Jitter(1.0), series)), series)
