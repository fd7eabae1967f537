import on_ranks
import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import nn

from manyviews.nn.batch_norm import SyncBatchNorm, synchronise_on_cpu


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4, 5)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_it_equals_batch_norm_on_the_joined_batch(ranks, world, shape, dtype, tolerance):
    alone = on_ranks.batch_norm(dtype, shape)
    found = ranks(world)("on_ranks.batch_norm", dtype, shape)
    for i, expected in enumerate(alone):
        parts = [rank[i] for rank in found]
        joined = torch.cat(parts) if i < 2 else parts[0]
        torch.testing.assert_close(joined, expected, rtol=tolerance, atol=tolerance)
        assert i < 2 or all(torch.equal(part, parts[0]) for part in parts)


def test_replacing_keeps_parameters_names_and_mode():
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4)), nn.ReLU()).eval()
    before, names = list(net.parameters()), list(net.state_dict())
    after = synchronise_on_cpu(net)
    norm = after.get_submodule("1.0")
    assert isinstance(norm, SyncBatchNorm) and not norm.training
    assert list(after.state_dict()) == names
    assert all(a is b for a, b in zip(after.parameters(), before, strict=True))


def test_timm_s_batch_norm_keeps_its_activation():
    x = torch.randn(4, 3, 5, 5)
    for convert in (synchronise_on_cpu, convert_sync_batchnorm):
        torch.manual_seed(0)
        norm = BatchNormAct2d(3, act_layer=nn.SiLU).eval()
        expected, names = norm(x), list(norm.state_dict())
        after = convert(norm)
        torch.testing.assert_close(after(x), expected)
        assert list(after.state_dict()) == names


def test_one_process_gets_plain_batch_norm():
    x = torch.randn(6, 4)
    torch.testing.assert_close(
        synchronise_on_cpu(nn.BatchNorm1d(4))(x), nn.BatchNorm1d(4)(x), rtol=0, atol=0
    )
