"""Contract over ranks: W processes train as one does on the same global batch."""

import contract
import on_ranks
import pytest
import torch

CASES = {
    "swav, queue": ("swav", ["method.freeze_steps=0"]),
    "swav, frozen": ("swav", ["method.queue_length=0", "method.freeze_steps=100"]),
    "swav, multi-crop": ("swav", ["views=multi_crop", "views.small.operations.crop.size=8"]),
    **{name: (name, []) for name in contract.METHODS if name != "swav"},
}


def overrides(case, precision="64-true"):
    name, more = CASES[case]
    return contract.overrides(name, *more, f"trainer.precision={precision}", "optimizer.lr=0.003")


@pytest.fixture(scope="module")
def alone():
    found = {}

    def of(case, config_dir):
        if case not in found:
            found[case] = on_ranks.steps(overrides(case), config_dir)
        return found[case]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("case", CASES)
def test_ranks_train_as_one_process(case, world, alone, ranks, config_dir):
    one = alone(case, config_dir)
    found = ranks(world)("on_ranks.steps", overrides(case), config_dir)
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
    narrow = [*overrides(case, "32-true"), "optimizer.lr=0.0"]
    one, reordered = (on_ranks.steps(narrow, config_dir, permuted=p) for p in (False, True))
    found = ranks(2)("on_ranks.steps", narrow, config_dir)[0]

    def distance(run):
        return torch.stack(
            [(run["gradients"][n] - g).norm() for n, g in one["gradients"].items()]
        ).norm()

    assert distance(found) <= 10 * distance(reordered)
