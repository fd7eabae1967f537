"""Tests of the optimizers in conf/optimizer/, used as methods use them."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

FILES = sorted((Path(__file__).parents[2] / "conf" / "optimizer").glob("*.yaml"))


class Count(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations.append(str(function))
        return function(*args, **(kwargs or {}))


def made(file, net, **more):
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim == 1]
    factory = instantiate(OmegaConf.merge(OmegaConf.load(file), more))
    return factory([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}])


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_step_costs_as_many_operations_at_any_depth_and_never_waits(file):
    counts = []
    for depth in (2, 60):
        net = nn.Sequential(*[nn.Linear(3, 3) for _ in range(depth)])
        optimizer = made(file, net)
        net(torch.randn(2, 3)).sum().backward()
        optimizer.step()  # makes the momentum
        with Count() as count:
            optimizer.step()
        assert not [o for o in count.operations if "local_scalar" in o or "item" in o]
        counts.append(len(count.operations))
    assert counts[0] == counts[1] <= 30


@pytest.mark.parametrize(
    "file", [f for f in FILES if "fused" in f.read_text()], ids=lambda f: f.stem
)
def test_fused_a_step_is_that_of_one_tensor_after_the_other(file):
    nets = []
    for fused in (True, False):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
        optimizer, x = made(file, net, fused=fused), torch.randn(8, 5, dtype=torch.float64)
        for _ in range(5):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
        nets.append(net)
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-15)
