import on_ranks
import pytest
import torch

WORLDS = pytest.mark.parametrize("world", [2, 4])


@WORLDS
def test_collectives_give_the_value_and_gradient_of_the_joined_rows(ranks, world):
    alone = on_ranks.collectives()
    found = ranks(world)("on_ranks.collectives")
    for name, (value, gradient) in alone.items():
        if name == "total":  # the sum of the ranks' sums
            torch.testing.assert_close(found[0][name][0], value)
        joined = torch.cat([rank[name][1] for rank in found])
        torch.testing.assert_close(joined, gradient, rtol=1e-12, atol=1e-12)
        assert all(torch.equal(rank[name][0], found[0][name][0]) for rank in found)
    assert torch.equal(found[0]["gather"][0], alone["gather"][0])
    assert torch.equal(found[0]["maximum"][0], alone["maximum"][0])


@WORLDS
@pytest.mark.parametrize("name", on_ranks.LOSSES)
def test_losses_of_ranks_equal_those_of_one_process(ranks, world, name):
    loss, gradients = on_ranks.loss_and_gradients(name)
    found = ranks(world)("on_ranks.loss_and_gradients", name)
    assert sum(value for value, _ in found) / world == pytest.approx(loss, rel=1e-12)
    for i, gradient in enumerate(gradients):
        joined = torch.cat([rank_gradients[i] for _, rank_gradients in found])
        torch.testing.assert_close(joined, gradient, rtol=1e-10, atol=1e-13)
