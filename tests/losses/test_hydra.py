import pytest
import torch
from golden import golden

from manyviews.losses import arbitrary_pairs
from manyviews.losses.hydra import gated_scores

GOLDEN = golden("tico_vne_hydra")["hydra"]["results"]
QUERY_CLASS, PARTNER = (torch.tensor(GOLDEN[name]) for name in ("y1", "y2"))


def inputs():
    k = torch.arange(30, dtype=torch.float64).view(6, 5)
    leaves = (0.37 * k + 0.2).sin(), (0.53 * k - 0.4).cos(), 2 * (0.71 * k + 0.5).sin()
    return [x.requires_grad_() for x in leaves]


def loss(query, key, gate, partner=PARTNER, **options):
    return arbitrary_pairs(query, key, gate, QUERY_CLASS, partner, QUERY_CLASS, **options)


@pytest.mark.parametrize(
    ("block", "mode", "scale"),
    [
        ("gated_cosine_scale10", "cosine", 10),
        ("gated_cosine_scale5", "cosine", 5),
        ("g2_dot_scale10", "dot", 10),
        ("g2_dot_scale5", "dot", 5),
    ],
)
def test_loss_and_gradients_equal_the_authors_code(block, mode, scale):
    query, key, logits = inputs()
    value = loss(query, key, logits.sigmoid(), temperature=1 / scale, mode=mode)
    value.backward()
    found = [float(x.detach()) for x in
             (value, query.grad.norm(), key.grad.norm(), logits.grad.norm())]  # fmt: skip
    keys = ["loss", "grad_norm_q", "grad_norm_k", "grad_norm_gate_logits"]
    assert found == pytest.approx([GOLDEN[block][k] for k in keys], rel=1e-7)


def test_an_open_gate_leaves_the_plain_cosine():
    query, key = (x.detach() for x in inputs()[:2])
    gate = torch.ones_like(query)
    arbitrary = loss(query, key, gate, temperature=0.1)
    identical = loss(query, key, gate, partner=QUERY_CLASS, temperature=0.1)
    assert float(arbitrary) == pytest.approx(GOLDEN["open_gate_scale10"], rel=1e-7)
    assert float(identical) == pytest.approx(GOLDEN["open_gate_identical_scale10"], rel=1e-7)


@pytest.mark.parametrize("mode", ["cosine", "dot"])
def test_scores_are_those_of_the_masked_vectors(mode):
    query, key, logits = (x.detach() for x in inputs())
    gate = logits.sigmoid()
    if mode == "cosine":
        masked_query, masked_key = query * gate, key * gate[:, None]
        expected = torch.cosine_similarity(masked_query[:, None], masked_key, dim=2)
    else:
        unit = [x / x.norm(dim=1, keepdim=True) for x in (query, key)]
        expected = ((unit[0] * gate)[:, None] * (unit[1] * gate[:, None])).sum(2)
    torch.testing.assert_close(gated_scores(query, key, gate, mode), expected)


def test_a_nearly_closed_gate_scores_as_its_shape_and_keeps_a_finite_gradient():
    query, key, logits = (x.detach().float().requires_grad_() for x in inputs())
    gate = logits.sigmoid()
    small = loss(query, key, gate * 1e-9, temperature=0.1)
    torch.testing.assert_close(small, loss(query, key, gate, temperature=0.1))
    small.backward()
    assert all(x.grad.isfinite().all() for x in (query, key, logits))


def test_a_batch_without_any_positive_costs_nothing():
    query, key, logits = inputs()
    value = loss(query, key, logits.sigmoid(), partner=torch.full((6,), 9), temperature=0.1)
    value.backward()
    assert float(value.detach()) == 0 and query.grad.abs().sum() == 0


def test_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(
        lambda q, k, g: loss(q, k, g.sigmoid(), temperature=0.5), inputs()
    )
