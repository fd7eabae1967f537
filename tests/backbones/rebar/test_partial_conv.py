import pytest
import torch
from rebar import GOLDEN, anchor, set_norm

from manyviews.backbones.rebar.partial_conv import PartialConv1d
from manyviews.backbones.rebar.reversible_norm import ReversibleNorm, statistics

BLOCK = GOLDEN["partial_conv"]
STEP = torch.arange(24)


@pytest.fixture
def conv():
    """The convolution of the golden file."""
    net = PartialConv1d(2, 3, 5, dilation=2).double()
    with torch.no_grad():
        i = torch.arange(30, dtype=torch.float64)
        net.weight.copy_(0.3 * torch.sin(1 + 0.7 * i).view(3, 2, 5))
        net.bias.copy_(torch.tensor(BLOCK["bias"], dtype=torch.float64))
    return net


@pytest.fixture
def series():
    """The normalised anchor."""
    norm = set_norm(ReversibleNorm(2).double())
    return norm(anchor(), statistics(anchor())).detach()


def test_what_is_seen_equals_the_reference(conv, series):
    seen = (STEP < 6) | (STEP >= 16)
    with torch.no_grad():
        found = conv(series, seen[None])
    expected = torch.tensor(BLOCK["out_0_0"], dtype=torch.float64)
    torch.testing.assert_close(found[0, 0], expected, rtol=0, atol=2e-6)
    assert torch.equal(found[0, 0, 10:12], torch.zeros(2, dtype=torch.float64))
    assert float(found.sum()) == pytest.approx(BLOCK["out_sum"], abs=2e-6)
    assert float(found.square().sum()) == pytest.approx(BLOCK["out_sq"], abs=2e-6)


def test_the_borders_count_as_missing(conv, series):
    found = conv(series)[0, 0, :4].tolist()
    assert found == pytest.approx(BLOCK["allones_out_0_0_first4"], abs=2e-6)
    assert torch.equal(conv(series), conv(series, torch.ones(1, 24, dtype=torch.bool)))


def test_missing_steps_are_not_looked_at(conv, series):
    seen = torch.rand(3, 24, generator=torch.Generator().manual_seed(1)) < 0.6
    changed = torch.where(seen[:, None], series, torch.randn_like(series))
    assert torch.equal(conv(series, seen), conv(changed, seen))


def test_a_kernel_that_sees_nothing_gives_exactly_0(conv, series):
    nothing = torch.zeros(3, 24, dtype=torch.bool)
    assert not conv(series, nothing).any()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_product_of_its_columns_gives_the_same(conv, series, share):
    seen = torch.rand(3, 24, generator=torch.Generator().manual_seed(2)) < share
    for observed in (seen, seen[:1], None):
        columns = conv.columns(series.transpose(0, 1), observed)
        found = conv.of_columns(columns).transpose(0, 1)
        torch.testing.assert_close(found, conv(series, observed))
