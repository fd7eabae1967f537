import pytest
import torch
from numbers_of import numbers_of
from scipy.special import ndtri

from manyviews.datamodules.views.series.scaling import Scaling


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_every_channel_is_multiplied_by_its_factor(distribution, per_channel):
    series, operation = torch.randn(12, 4, 9), Scaling(0.6, 0.5, distribution, per_channel)
    u = numbers_of(operation, series)
    assert u.shape[1] == (5 if per_channel else 2)
    expected = series.clone()
    for row, drawn in enumerate(u.double().tolist()):
        for channel in range(4):
            number = drawn[1 + channel if per_channel else 1]
            spread = ndtri(number + 2.0**-25) if distribution == "normal" else 2 * number - 1
            expected[row, channel] *= 1 + 0.5 * spread if drawn[0] < 0.6 else 1
    torch.testing.assert_close(operation(series, u), expected)


def test_uniform_factors_fill_their_range():
    series = torch.ones(2000, 1, 1)
    operation = Scaling(1.0, 0.5, "uniform")
    factor = operation(series, numbers_of(operation, series))
    assert 0.5 <= factor.min() < 0.51
    assert 1.49 < factor.max() < 1.5


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_strength_0_is_the_identity(distribution):
    series, operation = torch.randn(8, 3, 20), Scaling(1.0, 0.0, distribution)
    assert torch.equal(operation(series, numbers_of(operation, series)), series)
