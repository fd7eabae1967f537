import pytest
import torch

from manyviews.backbones.rebar.channels_first import activate_, forward_columns
from manyviews.backbones.rebar.dilated_net import DilatedNet, activate

SEEN = torch.rand(4, 40, generator=torch.Generator().manual_seed(0)) < 0.5


@pytest.mark.parametrize("observed", [SEEN, SEEN[:1], None])
def test_it_returns_what_the_net_returns(observed):
    torch.manual_seed(0)
    net, series = DilatedNet(3, 16, 3, 15).double(), torch.randn(4, 3, 40, dtype=torch.float64)
    with torch.no_grad():
        columns = net.first.columns(series.transpose(0, 1), observed)
        found = forward_columns(net, columns)
        torch.testing.assert_close(found.transpose(0, 1), net(series, observed))


def test_in_place_it_is_as_exact_far_from_0_as_torchs_norm():
    torch.manual_seed(0)
    x = torch.randn(3, 5, 20) * torch.tensor([1e-3, 1.0, 1e3])[:, None, None] + 100
    exact = activate(x.double())
    ours, torchs = ((f(x.clone()) - exact).abs().amax((1, 2)) for f in (activate_, activate))
    assert (ours <= 4 * torchs + 1e-6).all()
