import math

import pytest
import torch
from golden import chirp, golden
from torch.nn import functional as F

from manyviews.losses import sinkhorn, swapped_prediction, swav

GOLDEN = golden("swav_barlow")["swav"]
SK = {"epsilon": 0.05, "iterations": 3}


def loss_and_gradients(z, crops, dtype):
    w = F.normalize(chirp((12, 16), 0.013, 0.71, 0.4), dim=1).to(dtype).requires_grad_()
    z = z.to(dtype).requires_grad_()
    scores = (F.normalize(z, dim=1) @ w.mT).view(crops, 8, 12)
    codes = torch.stack([sinkhorn(s, **SK) for s in scores[:2].detach()])
    loss = swapped_prediction(scores, codes, temperature=0.1)
    loss.backward()
    return [float(x.detach()) for x in (loss, z.grad.norm(), w.grad.norm())]


@pytest.mark.parametrize(("case", "crops"), [("S2_two_crops", 2), ("S3_multicrop_2_plus_3", 5)])
@pytest.mark.parametrize(
    ("dtype", "name", "tolerance"),
    [(torch.float64, "float64", 1e-7), (torch.float32, "float32", 2e-5)],
)
def test_loss_and_gradients_equal_the_official_code(case, crops, dtype, name, tolerance):
    expected = GOLDEN[case][name]
    found = loss_and_gradients(chirp((8 * crops, 16), 0.0037, 0.53, 0.1), crops, dtype)
    keys = ("loss", "gradnorm_Z", "gradnorm_W")
    assert found == pytest.approx([expected[k] for k in keys], rel=tolerance)


def test_codes_equal_the_official_code():
    expected = torch.tensor(
        GOLDEN["S1_sinkhorn_only"]["Q_rows_are_samples_float64"], dtype=torch.float64
    )
    codes = sinkhorn(chirp((6, 4), 0.05, 0.9, 0.2), **SK)
    torch.testing.assert_close(codes, expected, rtol=1e-7, atol=1e-12)


def test_rows_of_the_codes_sum_to_one_and_prototypes_share_the_batch():
    codes = sinkhorn(chirp((32, 4), 0.05, 0.9, 0.2), epsilon=0.5, iterations=50)
    torch.testing.assert_close(codes.sum(1), torch.ones(32, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 8.0, dtype=torch.float64))


def test_codes_ignore_a_constant_added_to_all_scores():
    scores = chirp((6, 4), 0.05, 0.9, 0.2)
    torch.testing.assert_close(sinkhorn(scores + 100, **SK), sinkhorn(scores, **SK))


def test_codes_are_finite_where_the_plain_exponential_overflows():
    scores = torch.eye(4)  # exp(1 / 0.005) is infinite in float32
    assert sinkhorn(scores, epsilon=0.005, iterations=3).isfinite().all()


def test_codes_by_logarithms_equal_the_plain_ones(monkeypatch):
    scores = chirp((6, 4), 0.05, 0.9, 0.2)
    plain = sinkhorn(scores, **SK)
    monkeypatch.setattr(swav, "SAFE_EPSILON", 1.0)
    torch.testing.assert_close(sinkhorn(scores, **SK), plain, rtol=1e-12, atol=1e-12)


FAR = torch.tensor([[1.0, 0.9, -1.0], [-0.9, -1.0, -0.99], [0.9, 1.0, -1.0]])


@pytest.mark.parametrize("epsilon", [0.0229, 0.01, 0.008, 0.001])
def test_a_small_epsilon_gives_no_nan_if_a_rows_best_lies_far_below_the_largest(epsilon):
    """The second row and the third prototype lie far below the largest score of all."""
    codes = sinkhorn(FAR, epsilon=epsilon, iterations=3)
    torch.testing.assert_close(codes.sum(1), torch.ones(3))
    assert codes[1].argmax() == 2  # the only row that comes near the third prototype


def test_codes_of_a_small_epsilon_equal_the_plain_algorithm_in_float64():
    q = ((FAR.double() - 1) / 0.01).exp()  # as small as exp(-200), which float32 rounds to 0
    for _ in range(3):
        q = q / q.sum(0)
        q = q / q.sum(1, keepdim=True)
    codes = sinkhorn(FAR, epsilon=0.01, iterations=3)
    torch.testing.assert_close(codes.double(), q, rtol=1e-4, atol=1e-6)


def test_total_collapse_costs_log_k():
    scores = torch.zeros(3, 8, 12)
    codes = torch.full((2, 8, 12), 1 / 12)
    loss = swapped_prediction(scores, codes, temperature=0.1)
    assert float(loss) == pytest.approx(math.log(12))


def test_gradient_is_that_of_finite_differences():
    scores = chirp((3, 4, 5), 0.05, 0.9, 0.2).requires_grad_()
    codes = torch.stack([sinkhorn(s, **SK) for s in scores[:2].detach()])
    assert torch.autograd.gradcheck(
        lambda s: swapped_prediction(s, codes, temperature=0.1), (scores,)
    )


def test_half_precision_scores_are_computed_in_float32():
    scores = chirp((2, 8, 12), 0.05, 0.9, 0.2).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = swapped_prediction(scores, scores.softmax(2), temperature=0.1)
    assert loss.dtype == torch.float32
