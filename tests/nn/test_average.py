import copy

import torch
from torch import nn

from manyviews.nn import move_towards


def net(seed):
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    layers(torch.randn(8, 3))
    return layers


def test_with_shares_of_one_over_n_all_networks_weigh_the_same():
    networks = [net(seed) for seed in range(5)]
    average = copy.deepcopy(networks[0])
    for n, network in enumerate(networks[1:], start=1):
        move_towards(average, network, 1 / (n + 1))
    for name, p in average.named_parameters():
        mean = torch.stack([dict(n.named_parameters())[name] for n in networks]).mean(0)
        torch.testing.assert_close(p, mean)
    for name, buffer in average.named_buffers():
        assert torch.equal(buffer, dict(networks[-1].named_buffers())[name])
