import pytest
import torch
from rebar import GOLDEN, anchor, candidate, fill, set_norm

from manyviews.backbones.rebar.candidate_distances import distances
from manyviews.backbones.rebar.cross_attention import CrossAttention

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
        found = distances(measure, anchor(), both, EVEN, missing=12)
    for values, who in zip(found, ("cand", "self"), strict=True):
        assert values.tolist() == pytest.approx(BLOCK[f"distance_anchor_{who}"], rel=1e-7)


def random_net(stats="anchor", **more):
    torch.manual_seed(0)
    return CrossAttention(3, **{"width": 32, "blocks": 2, "stats": stats, **more})


def pairs(anchors, candidates, steps, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    shape = (candidates + 1, anchors, 3, steps)
    drawn = torch.randn(shape, generator=generator, dtype=dtype).cumsum(-1)
    return drawn[0], drawn[1:]


def half_seen(*rows, steps):
    """Return masks that hide steps // 2 steps in every row."""
    order = torch.rand(*rows, steps, generator=torch.Generator().manual_seed(2)).argsort(-1)
    return order >= steps // 2


def looped(net, anchor, candidates, observed):
    masks = observed.expand(*candidates.shape[:2], -1)
    found = []
    with torch.no_grad():
        for candidate, mask in zip(candidates, masks, strict=True):
            error = net.eval().reconstruct(anchor, mask, candidate) - anchor
            found.append((error.square() * ~mask[:, None]).sum((1, 2)))
    return torch.stack(found)


@pytest.mark.parametrize(
    ("channels", "blocks", "name"), [(6, 1, "har"), (1, 5, "ppg"), (2, 5, "ecg")]
)
def test_official_sizes(channels, blocks, name):
    count = sum(p.numel() for p in CrossAttention(channels, blocks=blocks).parameters())
    assert count == GOLDEN["sizes"][name]["crossattn_params"]


@pytest.mark.parametrize("rows", [(), (5,), (4, 1), (4, 5)], ids=str)
@pytest.mark.parametrize("stats", ["anchor", "anchor_observed", "candidate", "own"])
def test_all_distances_at_once_equal_one_reconstruction_each(stats, rows):
    net = random_net(stats).double()
    anchor, candidates = pairs(5, 4, 30, torch.float64)
    observed = half_seen(*rows, steps=30)
    expected = looped(net, anchor, candidates, observed)
    one = 8 * 30 * 32  # bytes of a map of one pair
    for limit in (one, 3 * one, 9 * one, 100 * one):
        found = distances(net, anchor, candidates, observed, missing=15, limit=limit)
        torch.testing.assert_close(found, expected)


def test_float32_retrieves_what_the_loop_retrieves():
    net = random_net(width=64)
    anchor, candidates = pairs(16, 20, 64)
    observed = half_seen(steps=64)
    expected = looped(net, anchor, candidates, observed)
    found = distances(net, anchor, candidates, observed, missing=32)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert torch.equal(found.argmin(0), expected.argmin(0))


def test_distances_follow_the_order_of_the_candidates():
    net, (anchor, candidates) = random_net(), pairs(3, 7, 40)
    observed, order = half_seen(steps=40), torch.randperm(7)
    found = distances(net, anchor, candidates, observed, missing=20)
    again = distances(net, anchor, candidates[order], observed, missing=20)
    torch.testing.assert_close(again, found[order], rtol=1e-5, atol=0)


def test_equal_candidates_are_equally_far_under_one_mask_alone():
    net, (anchor, candidates) = random_net(), pairs(3, 4, 40)
    candidates[3] = candidates[0]
    shared = distances(net, anchor, candidates, half_seen(steps=40), missing=20)
    own = distances(net, anchor, candidates, half_seen(4, 1, steps=40), missing=20)
    torch.testing.assert_close(shared[3], shared[0], rtol=1e-6, atol=0)
    assert ((own[3] - own[0]).abs() / own[0]).min() > 1e-3


def test_training_mode_and_half_precision_do_not_reach_distances():
    net, (anchor, candidates) = random_net(), pairs(3, 4, 40)
    observed = half_seen(steps=40)
    expected = distances(net.eval(), anchor, candidates, observed, missing=20)
    with torch.autocast("cpu", torch.bfloat16):
        found = distances(net.train(), anchor, candidates, observed, missing=20)
    assert net.training and torch.equal(found, expected) and not found.requires_grad


@pytest.mark.parametrize("stats", ["anchor_observed", "candidate"])
def test_nothing_missing_leaks_into_the_reconstruction(stats):
    net, (anchor, (candidate,)) = random_net(stats).eval(), pairs(3, 1, 40)
    observed = half_seen(3, steps=40)
    other = torch.where(observed[:, None], anchor, torch.randn(3, 3, 40))
    assert torch.equal(
        net.reconstruct(anchor, observed, candidate), net.reconstruct(other, observed, candidate)
    )


def test_attention_drops_while_training_alone():
    net, (anchor, (candidate,)) = random_net(), pairs(3, 1, 40)
    given = anchor, half_seen(3, steps=40), candidate
    assert not torch.equal(net.train().reconstruct(*given), net.reconstruct(*given))
    assert torch.equal(net.eval().reconstruct(*given), net.reconstruct(*given))


def test_an_embedding_tells_series_apart_whatever_their_scale():
    net, (series, _) = random_net().eval(), pairs(4, 1, 40)
    with torch.no_grad():
        embedding = net(series)
        scaled = net(5 + 3 * series)
    assert embedding.shape == (4, net.embedding_dim) and embedding.std(0).min() > 1e-3
    torch.testing.assert_close(scaled, embedding, rtol=1e-3, atol=1e-3)


def test_a_single_step_has_no_deviation_over_time():
    net = random_net()
    assert net.reads == "series" and net.takes(2) and not net.takes(1)
