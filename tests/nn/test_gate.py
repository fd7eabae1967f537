import torch

from manyviews.nn import Gate, mean_gates


def test_mean_gates_are_those_of_every_pair_of_classes():
    torch.manual_seed(0)
    gate = Gate(3, [4, 6, 5])
    gate(torch.arange(3), torch.arange(3))  # moves the running statistics
    shares = torch.from_numpy(mean_gates(gate.eval(), "abc")["gates"])
    for a in range(3):
        for b in range(3):
            expected = gate(torch.tensor([a]), torch.tensor([b])).mean()
            torch.testing.assert_close(shares[a, b], expected.detach())


def test_of_many_classes_the_first_are_shown_and_without_a_gate_none():
    assert mean_gates(Gate(50, [4, 6, 5]).eval(), "abc")["gates"].shape == (20, 20)
    assert mean_gates(None, "abc") == {}
