import pytest
import torch
from rebar import GOLDEN, anchor, fill

from manyviews.backbones.tcn import TCN

BLOCK = GOLDEN["encoder"]


def test_features_and_embedding_equal_the_reference():
    net = TCN(2, hidden_dim=4, depth=3, embedding_dim=8).double().eval()
    fill(net.parameters(), 0)
    with torch.no_grad():
        features, pooled = net.feature_maps(anchor())[-1], net(anchor())
    assert float(features.sum()) == pytest.approx(BLOCK["out_sum"], rel=1e-7)
    assert float(features.square().sum()) == pytest.approx(BLOCK["out_sq"], rel=1e-7)
    assert pooled[0].tolist() == pytest.approx(BLOCK["pooled_row0"], rel=1e-7)


@pytest.mark.parametrize(("name", "channels"), [("har", 6), ("ppg", 1), ("ecg", 2)])
def test_official_sizes(name, channels):
    count = sum(p.numel() for p in TCN(channels).parameters())
    assert count == GOLDEN["sizes"][name]["encoder_params"]


def test_a_feature_sees_the_documented_number_of_steps():
    net = TCN(1, hidden_dim=4, depth=3, embedding_dim=4).double().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()  # nothing cancels, nothing is cut off for good
    series = torch.ones(1, 1, 201, dtype=torch.float64, requires_grad=True)
    net.feature_maps(series)[-1][0, :, 100].sum().backward()
    assert int((series.grad != 0).sum()) == 1 + 4 * (2**4 - 1)


def test_a_missing_value_is_read_as_zero_and_stays_missing():
    net, series = TCN(2, hidden_dim=4, depth=1, embedding_dim=4).eval(), torch.randn(3, 2, 20)
    holes = series.clone()
    holes[1, 0, 5:9] = torch.nan
    filled = series.clone()
    filled[1, 0, 5:9] = 0
    assert torch.equal(net(holes), net(filled))
    assert int(holes.isnan().sum()) == 4
