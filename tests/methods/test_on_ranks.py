"""Contract over ranks: W processes train as one does on the same global batch."""

import contract
import on_ranks
import pytest
import torch
from contract import CASES

from manyviews import config

EPOCH = "epochs=1"  # four steps; at the third SwAV's queue is full


def composed(config_dir, case, *more):
    overrides = [*contract.case_overrides(case, *more), EPOCH]
    return config.compose("pretrain", overrides, config_dir)[0]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_ranks_train_as_one_process(case, ranks, config_dir):
    """Four of them; two are compared below, and where a run moves to two (tests/test_resume.py)."""
    given = composed(config_dir, case)
    one, found = on_ranks.trained(given), ranks(4)("on_ranks.trained", given)
    for rank in found[1:]:  # replicated state
        assert all(torch.equal(rank["state"][k], v) for k, v in found[0]["state"].items())
    for name, gradient in one["gradients"].items():
        torch.testing.assert_close(found[0]["gradients"][name], gradient, rtol=1e-10, atol=1e-12)
    mean = torch.stack([rank["losses"] for rank in found]).mean(0)
    torch.testing.assert_close(mean, one["losses"], rtol=1e-9, atol=1e-9)
    for name, value in one["state"].items():
        torch.testing.assert_close(found[0]["state"][name], value, rtol=1e-9, atol=1e-9)
    for step, position in enumerate(one["positions"]):
        assert torch.equal(torch.cat([rank["positions"][step] for rank in found]), position)
        for v, view in enumerate(one["views"][step]):
            assert torch.equal(torch.cat([rank["views"][step][v] for rank in found]), view)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_float32_is_no_worse_than_ten_times_a_batch_in_another_order(case, ranks, config_dir):
    narrow = composed(config_dir, case, "32-true")
    narrow["optimizer"]["lr"] = 0.0
    one, reordered = (on_ranks.trained(narrow, permuted=p) for p in (False, True))
    found = ranks(2)("on_ranks.trained", narrow)[0]

    def distance(run):
        return torch.stack(
            [(run["gradients"][n] - g).norm() for n, g in one["gradients"].items()]
        ).norm()

    norm = torch.stack([g.norm() for g in one["gradients"].values()]).norm()
    rounding = distance(reordered)
    if rounding > 1e-3 * norm:  # partners are drawn by the place in the batch: another draw
        rounding = 1e-6 * norm
    assert distance(found) <= 10 * rounding
