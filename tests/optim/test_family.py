import pytest

from manyviews.optim.family import family, mismatch

TARGETS = {
    "torch.optim.SGD": "sgd",
    "manyviews.optim.LARS": "sgd",
    "manyviews.optim.LARC": "sgd",
    "torch.optim.AdamW": "adaptive",
    "mine.Shampoo": None,
}


@pytest.mark.parametrize("target", TARGETS)
def test_an_optimizer_is_of_a_family_by_its_name(target):
    assert family(target) == TARGETS[target]


@pytest.mark.parametrize("target", TARGETS)
def test_sgd_is_warned_of_for_layer_norms_alone(target):
    said = mismatch("adaptive", target)
    assert (said is not None) == (TARGETS[target] == "sgd")
    assert mismatch("sgd", target) is None
    if said:
        assert f"with {target.rpartition('.')[2]}; consider optimizer=adamw" in said
