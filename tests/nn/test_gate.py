import torch

from manyviews.nn import Gate, mean_gates


def test_mean_gates_are_the_mean_gates_of_every_pair_of_classes():
    torch.manual_seed(0)
    gate = Gate(3, [4, 6, 5])
    gate(torch.arange(3), torch.arange(3))  # moves the running statistics
    shares = mean_gates(gate.eval())["gates"]
    for a in range(3):
        for b in range(3):
            expected = gate(torch.tensor([a]), torch.tensor([b])).mean()
            torch.testing.assert_close(shares[a, b], expected.detach())


def test_many_classes_show_the_first_20_and_no_gate_shows_nothing():
    assert mean_gates(Gate(50, [4, 6, 5]).eval())["gates"].shape == (20, 20)
    assert mean_gates(None) == {}
