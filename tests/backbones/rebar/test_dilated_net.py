import pytest
import torch
from torch import nn

from manyviews.backbones.rebar import dilated_net
from manyviews.backbones.rebar.dilated_net import DilatedNet, activate


@pytest.mark.parametrize(("blocks", "steps"), [(1, 29), (3, 113), (5, 449)])
def test_a_query_sees_the_documented_number_of_steps(blocks, steps, monkeypatch):
    monkeypatch.setattr(dilated_net, "activate", nn.Identity())  # a norm sees all steps
    net = DilatedNet(1, 8, blocks, 15).double()
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()  # nothing cancels
    series = torch.ones(1, 1, 501, dtype=torch.float64, requires_grad=True)
    net(series)[0, :, 250].sum().backward()
    assert int((series.grad != 0).sum()) == steps


def test_the_norm_is_torchs_instance_norm():
    x = torch.randn(3, 5, 20)
    expected = nn.InstanceNorm1d(5)(nn.functional.gelu(x))
    torch.testing.assert_close(activate(x), expected)
