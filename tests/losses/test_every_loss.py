"""Tests of every public loss at the limits of its arguments."""

import re
from pathlib import Path

import pytest
import torch
from arguments import LOSSES, called

from manyviews import losses


@pytest.fixture(params=LOSSES)
def name(request):
    return request.param


def random(*shape):
    torch.manual_seed(len(shape))
    return torch.rand(shape, requires_grad=True)


def identical(*shape):
    torch.manual_seed(0)
    return torch.rand(shape[-1:]).expand(shape).clone().requires_grad_()


def zero(*shape):
    return torch.zeros(shape, requires_grad=True)


def assert_finite(loss, given):
    assert loss.isfinite()
    if loss.requires_grad:  # Sinkhorn's codes have none
        loss.backward()
        assert all(x.grad.isfinite().all() for x in given if x.grad is not None)


@pytest.mark.parametrize("fill", [identical, zero])
def test_identical_rows_have_a_finite_loss_and_gradient(name, fill):
    assert_finite(*called(name, fill))


@pytest.mark.parametrize("fill", [random, identical])
def test_rows_of_a_single_number_have_a_finite_loss_and_gradient(name, fill):
    assert_finite(*called(name, fill, P=1, D=1, K=1))


def test_a_single_row_has_a_loss_or_is_refused_in_one_line(name):
    try:
        loss, given = called(name, random, B=1, N=1, G=1)
    except ValueError as error:
        assert "2 rows" in str(error) and "got 1" in str(error)
    else:
        assert_finite(loss, given)


def test_half_precision_arguments_give_what_their_float32_values_give(name):
    def half(*shape):
        return random(*shape).detach().bfloat16()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = called(name, half)
    expected, _ = called(name, lambda *shape: half(*shape).float())
    assert loss.dtype == torch.float32 and torch.equal(loss, expected)


def test_type_checkers_know_every_loss_that_is_named_as_its_file():
    folder = Path(losses.__file__)
    told = re.findall(r"import (\w+) as \1$", folder.read_text(), re.MULTILINE)
    assert set(told) == {file.stem for file in folder.parent.glob("*.py")} & set(losses.__all__)


def test_completion_offers_public_names_alone():
    assert dir(losses) == sorted(losses.__all__) and "barlow_twins" in dir(losses)
    assert not {"Callable", "Any", "precision"} & set(dir(losses))
