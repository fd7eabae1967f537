import pytest
import torch
from rebar import GOLDEN, anchor, candidate, fill, set_norm

from manyviews.backbones.cross_attention import CrossAttention

BLOCK = GOLDEN["cross_attention"]
EVEN = torch.arange(24) % 2 == 0  # what is seen of the intermittent mask


@pytest.fixture
def measure():
    """The net of the golden file."""
    net = CrossAttention(2, width=16, blocks=2).double().eval()
    norm, *rest = net.norm, *[p for n, p in net.named_parameters() if not n.startswith("norm.")]
    set_norm(norm)
    fill(rest, 2)
    return net


def self_loss(measure, observed):
    error = measure.reconstruct(anchor(), observed, anchor()) - anchor()
    return (error.square() * ~observed).sum()


def test_reconstruction_and_losses_equal_the_reference(measure):
    rebuilt = measure.reconstruct(anchor(), EVEN[None], candidate()).detach()
    assert rebuilt[0, :, 1].tolist() == pytest.approx(BLOCK["rec_0_1"], rel=1e-7)
    assert float(rebuilt.sum()) == pytest.approx(BLOCK["rec_sum"], rel=1e-7)
    step = torch.arange(24)
    losses = {"intermittent": EVEN, "contiguous_8_14": (step < 8) | (step >= 14)}
    for name, observed in losses.items():
        value = self_loss(measure, observed[None]).detach()
        assert float(value) == pytest.approx(BLOCK[f"loss_self_{name}"], rel=1e-7)


def test_every_gradient_has_the_norm_of_the_reference(measure):
    self_loss(measure, EVEN[None]).backward()
    found = [float(p.grad.norm()) for p in measure.parameters()]
    expected = [*BLOCK["grad_norms_self_intermittent"].values()]
    assert len(found) == 34
    assert found == pytest.approx(expected, rel=1e-6)


def test_distances_equal_the_reference(measure):
    both = torch.stack([candidate(), anchor()])
    with torch.no_grad():
        found = measure.distances(anchor(), both, EVEN, missing=12)
    for values, who in zip(found, ("cand", "self"), strict=True):
        assert values.tolist() == pytest.approx(BLOCK[f"distance_anchor_{who}"], rel=1e-7)
