import math

import pytest
import torch
from golden import chirp, golden

from manyviews.losses import reconstruction_error, retrieval_contrast

GOLDEN = golden("rebar")["contrastive"]
POSITIVE = torch.tensor(GOLDEN["labels"])


def series(dtype=torch.float64):
    """Feature maps (B, L, C) of the anchors and (K, B, L, C) of the candidates, leaves."""
    k, b, t, c = torch.meshgrid(
        *(torch.arange(n, dtype=torch.float64) for n in (3, 4, 5, 6)), indexing="ij"
    )
    z1 = torch.sin(0.7 * b + 0.31 * t + 0.53 * c + 0.1)[0]
    z2 = torch.sin(0.9 * k + 0.4 * b + 0.27 * t + 0.61 * c + 0.3)
    z2 = z2 + 0.2 * torch.cos(1.3 * k * b + 0.5 * c)
    return [z.to(dtype).requires_grad_() for z in (z1, z2)]


def loss_of(z1, z2, temperature, between_weight):
    pooled = z1.amax(-2), z2.amax(-2)
    options = {"temperature": temperature, "between_weight": between_weight}
    return retrieval_contrast(*pooled, POSITIVE, **options)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda c: f"tau {c['tau']} {c['alpha']}")
def test_values_and_gradients_are_the_official_ones(case):
    tau, alpha = case["tau"], case["alpha"]
    z1, z2 = series()
    parts = loss_of(z1, z2, tau, alpha)
    sum(parts).backward()
    found = [float(x.detach()) for x in (sum(parts), *parts, z1.grad.norm(), z2.grad.norm())]
    within, between = (1 - alpha) * case["within"], alpha * case["between"]
    norms = [case["grad_z1_norm"], case["grad_z2_norm"]]
    assert found == pytest.approx([case["loss"], within, between, *norms], rel=1e-7)
    narrow = sum(loss_of(*series(torch.float32), tau, alpha))
    assert float(narrow.detach()) == pytest.approx(case["official_float32_loss"], rel=2e-6)


def embeddings(rows=16, count=20):
    anchor = chirp((rows, 12), 0.011, 0.37, 0.25)
    return anchor, chirp((count, rows, 12), 0.0013, 0.53, 0.7), torch.arange(rows) * 7 % count


def test_one_candidate_and_one_series_leave_nothing_to_tell_apart():
    options = {"temperature": 0.1, "between_weight": 0.5}
    assert float(retrieval_contrast(*embeddings(count=1), **options).within) == 0
    assert float(retrieval_contrast(*embeddings(rows=1), **options).between) == 0


def test_a_high_temperature_costs_the_logarithms_of_candidates_and_series():
    parts = retrieval_contrast(*embeddings(), temperature=1e9, between_weight=0.5)
    assert [2 * float(x) for x in parts] == pytest.approx([math.log(20), math.log(16)], rel=1e-6)


def test_neither_the_order_of_candidates_nor_the_scale_of_embeddings_matters():
    anchor, candidates, positive = embeddings()
    options = {"temperature": 0.1, "between_weight": 0.3}
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    moved = retrieval_contrast(anchor, candidates[order], order.argsort()[positive], **options)
    scaled = retrieval_contrast(7 * anchor, 0.01 * candidates, positive, **options)
    for found in (moved, scaled):
        expected = retrieval_contrast(anchor, candidates, positive, **options)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_gradient_is_that_of_finite_differences():
    anchor, candidates, positive = embeddings(rows=3, count=4)
    leaves = [z.requires_grad_() for z in (anchor, candidates)]
    assert torch.autograd.gradcheck(
        lambda a, c: sum(retrieval_contrast(a, c, positive, temperature=0.5, between_weight=0.4)),
        leaves,
    )


def test_only_what_was_hidden_and_is_known_counts_as_error():
    target = chirp((3, 2, 8), 0.02, 0.4, 0.1)
    found = chirp((3, 2, 8), 0.03, 0.7, 0.6)
    target[1, 0, 3] = torch.nan
    missing = torch.zeros(3, 8, dtype=torch.bool)
    missing[:, 3:5] = True
    squares = [float((found - target)[b, c, t] ** 2)
               for b in range(3) for c in range(2) for t in (3, 4)]  # fmt: skip
    known = [x for x in squares if x == x]
    options = [(reduction, float(reconstruction_error(found, target, missing, reduction=reduction)))
               for reduction in ("sum", "mean")]  # fmt: skip
    assert len(known) == 11
    assert dict(options) == pytest.approx({"sum": sum(known), "mean": sum(known) / 11})
