import torch

from manyviews.nn import Gate, gate_panels


def test_mean_gates_are_those_of_every_pair_of_classes():
    torch.manual_seed(0)
    gate = Gate(3, [4, 6, 5])
    gate(torch.arange(3), torch.arange(3))  # moves the running statistics
    ((heat,),) = (panel.blocks for panel in gate_panels(gate.eval(), "abc"))
    shares = torch.from_numpy(heat.values)
    for a in range(3):
        for b in range(3):
            expected = gate(torch.tensor([a]), torch.tensor([b])).mean()
            torch.testing.assert_close(shares[a, b], expected.detach())


def test_of_many_classes_the_first_are_shown_and_without_a_gate_none():
    names = [str(number) for number in range(50)]
    (panel,) = gate_panels(Gate(50, [4, 6, 5]).eval(), names)
    assert panel.blocks[0].values.shape == (20, 20) and panel.blocks[0].rows == names[:20]
    assert panel.text.endswith("the first 20 of 50 classes.")
    assert gate_panels(None, names) == []
