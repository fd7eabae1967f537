import copy

import torch
from torch import nn

from manyviews.nn import Momentum


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_are_the_running_average_and_statistics_are_its_own():
    original, x = network(), torch.randn(8, 3)
    target = Momentum([original], 0.9)
    before = copy.deepcopy(target.copy.state_dict())
    with torch.no_grad():
        for p in original.parameters():
            p.add_(1.0)
    original(x + 5)
    target.follow([original], step=5, total_steps=10)  # m = 0.95
    for name, p in target.copy.named_parameters():
        torch.testing.assert_close(p, before[name] + 0.05)
    assert torch.equal(target.copy[0][1].running_mean, before["0.1.running_mean"])


def test_at_the_first_step_it_becomes_the_original():
    original, other = network(), network()
    nn.init.constant_(other[0].weight, 3.0)
    target = Momentum([original], 0.9)
    target.follow([other], step=0, total_steps=10)
    for name, value in other.state_dict().items():
        assert torch.equal(target.copy.state_dict()[f"0.{name}"], value)


def test_neither_its_weights_nor_its_output_have_a_gradient():
    target = Momentum([network()], 0.9)
    assert not any(p.requires_grad for p in target.parameters())
    assert not target(torch.randn(4, 3, requires_grad=True)).requires_grad
