import pytest
import torch
from golden import chirp, golden
from torch import nn

from manyviews.errors import ConfigError
from manyviews.optim import LARC, LARS, lars

OPTIMIZERS = {"LARS": LARS, "LARC": LARC}


def matrix_and_vector():
    return [nn.Parameter(chirp((3, 4), 0.1, 0.7, 0.3)), nn.Parameter(chirp((4,), 0.2, 0.5, 0.1))]


def groups(params):
    """Return parameter groups as methods make them: 1-D tensors apart, without weight decay."""
    return [
        {"params": [p for p in params if p.ndim > 1]},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]


@pytest.mark.parametrize(
    ("paper", "case", "make"),
    [
        ("swav", "LARC_3_steps", lambda g: LARC(g, lr=4.8, weight_decay=1e-2)),
        (
            "barlow",
            "LARS_3_steps",
            lambda g: LARS(g, lr=0.2, vector_lr=0.0048, weight_decay=1e-2),
        ),
    ],
)
def test_three_steps_equal_the_official_code(paper, case, make):
    p, q = matrix_and_vector()
    optimizer = make(groups([p, q]))
    expected = golden("swav_barlow")[paper][case]["after_each_step_[normP,normq,P00,q0]_float64"]
    for t, row in enumerate(expected):
        p.grad, q.grad = chirp((3, 4), 0.05, 1.1, 0.2 + t), chirp((4,), 0.07, 0.3, 0.4 + t)
        optimizer.step()
        found = torch.stack([p.norm(), q.norm(), p[0, 0], q[0]]).tolist()
        assert found == pytest.approx(row, rel=1e-7)


def test_zero_tensors_take_the_plain_gradient():
    for kind in OPTIMIZERS.values():
        p = nn.Parameter(torch.zeros(2, 2))
        p.grad = torch.ones(2, 2)
        kind([p], lr=0.5).step()
        assert torch.equal(p.detach(), torch.full((2, 2), -0.5))


def test_a_zero_gradient_leaves_only_lars_decay():
    p = nn.Parameter(torch.ones(2, 2))
    p.grad = torch.zeros(2, 2)
    LARC([p], lr=1.0, weight_decay=0.1).step()
    assert torch.equal(p.detach(), torch.ones(2, 2))
    LARS([p], lr=1.0, weight_decay=0.1, trust=0.5).step()
    torch.testing.assert_close(p.detach(), torch.full((2, 2), 0.5))  # |p| / |0.1 p| * 0.1 p * 0.5


@pytest.mark.parametrize(("lr", "rate"), [(0.5, 0.06), (0.01, 0.01)])
def test_clipped_the_trust_is_the_rate_and_lr_its_limit(lr, rate):
    p = nn.Parameter(torch.full((2, 2), 3.0))
    p.grad = torch.ones(2, 2)
    LARS([p], lr=lr, weight_decay=0.0, trust=0.02, clip=True).step()  # 0.02 * |p| / |g| = 0.06
    torch.testing.assert_close(p.detach(), torch.full((2, 2), 3.0 - rate))


def test_clipped_at_a_rate_of_zero_nothing_moves():
    p = nn.Parameter(torch.ones(2, 2))
    p.grad = torch.ones(2, 2)
    LARS([p], lr=0.0, clip=True).step()
    assert torch.equal(p.detach(), torch.ones(2, 2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_pieces_that_fit_a_cache_move_as_all_tensors_at_once(name, monkeypatch):
    def moved(piece):
        monkeypatch.setattr(lars, "PIECE", piece)
        params = [nn.Parameter(chirp((5, i + 1), 0.1, 0.7, i)) for i in range(6)]
        params += [nn.Parameter(chirp((7,), 0.2, 0.5, i)) for i in range(3)]
        optimizer = OPTIMIZERS[name](groups(params), lr=0.3)
        optimizer.param_groups[1]["lr"] = 0.1
        for t in range(3):
            for i, p in enumerate(params[1:]):  # the first never has a gradient
                p.grad = chirp(tuple(p.shape), 0.05, 1.1, t + i)
            optimizer.step()
        return params

    whole, pieces, single = (moved(b) for b in (2**20, 5 * 8 * 8, 1))
    for a, b, c in zip(whole, pieces, single, strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_optimizer_goes_on_bit_for_bit(name):
    def run(steps, optimizer, params, first=0):
        for t in range(first, first + steps):
            for i, p in enumerate(params):
                p.grad = chirp(tuple(p.shape), 0.05, 1.1, t + i)
            optimizer.step()

    whole = matrix_and_vector()
    run(4, OPTIMIZERS[name](groups(whole), lr=0.3), whole)
    params = matrix_and_vector()
    first = OPTIMIZERS[name](groups(params), lr=0.3)
    run(2, first, params)
    second = OPTIMIZERS[name](groups(params), lr=0.3)
    second.load_state_dict(first.state_dict())
    run(2, second, params, first=2)
    assert all(torch.equal(a, b) for a, b in zip(params, whole, strict=True))


def test_a_parameter_without_gradient_is_left_alone():
    for kind in OPTIMIZERS.values():
        p, frozen = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
        p.grad = torch.ones(2, 2)
        kind([p, frozen], lr=1.0).step()
        assert torch.equal(frozen.detach(), torch.ones(2, 2)) and not torch.equal(p, frozen)


def test_a_negative_number_is_refused_by_name():
    with pytest.raises(ConfigError, match="trust=-1; allowed: 0 or more"):
        LARS([nn.Parameter(torch.ones(1))], lr=0.1, trust=-1)
