import torch

from manyviews.nn import Gate
from manyviews.nn.gate import gates_of


def test_gates_of_a_checkpoint_are_the_mean_shares_of_every_pair_of_classes():
    torch.manual_seed(0)
    gate = Gate(3, [4, 6, 5])
    gate(torch.arange(3), torch.arange(3))  # moves the running statistics
    state = {f"gate.{k}": v.double() for k, v in gate.state_dict().items()}
    shares = gates_of({"backbone.weight": torch.zeros(2), **state})["gates"]
    gate.eval()
    for a in range(3):
        for b in range(3):
            expected = gate(torch.tensor([a]), torch.tensor([b])).mean()
            torch.testing.assert_close(shares[a, b], expected.detach())


def test_of_many_classes_the_first_are_shown_and_without_a_gate_none():
    state = {f"gate.{k}": v for k, v in Gate(50, [4, 6, 5]).state_dict().items()}
    assert gates_of(state)["gates"].shape == (20, 20)
    assert gates_of({"backbone.weight": torch.zeros(2)}) == {}
