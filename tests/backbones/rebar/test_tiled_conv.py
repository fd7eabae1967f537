import pytest
import torch
from torch.nn import functional as F

from manyviews.backbones.rebar.tiled_conv import TiledConv1d


@pytest.mark.parametrize("steps", [1, 7, 32, 50, 129])
@pytest.mark.parametrize(("kernel", "dilation"), [(15, 1), (15, 2), (3, 1), (5, 16), (1, 1)])
def test_it_equals_the_plain_sum(steps, kernel, dilation):
    torch.manual_seed(0)
    weight = torch.randn(4, 3, kernel, dtype=torch.float64)
    x = torch.randn(3, 5, steps, dtype=torch.float64)
    reach = kernel // 2 * dilation
    bias, onto = torch.randn(4).double(), torch.randn(4, 5, steps).double()
    options = {"padding": reach, "dilation": dilation}
    expected = onto.transpose(0, 1) + F.conv1d(x.transpose(0, 1), weight, bias, **options)
    found = TiledConv1d(weight, bias, dilation, steps).add_to(onto, x)
    torch.testing.assert_close(found.transpose(0, 1), expected, rtol=0, atol=1e-12)


def test_float32_loses_nothing():
    torch.manual_seed(0)
    weight, x = torch.randn(8, 32, 15), torch.randn(32, 2, 128)

    def made(weight, x):
        zero = weight.new_zeros(8, 2, 128)
        return TiledConv1d(weight, zero[:, 0, 0], 1, 128).add_to(zero.clone(), x)

    exact = made(weight.double(), x.double())
    error = made(weight, x) - exact
    plain = F.conv1d(x.transpose(0, 1), weight, padding=7).transpose(0, 1) - exact
    assert error.abs().mean() < 4 * plain.abs().mean()
