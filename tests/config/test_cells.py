"""The cells of a grid are what `compose` makes of each of them."""

import random

import pytest

from manyviews import config
from manyviews.errors import ConfigError

GRID = [
    "experiment=glob(*o_fashion_mnist_mini)",  # tico and hydra_moco
    "backbone=resnet_tiny,timm/resnet10t",
    "optimizer.lr=1e-3,0.01",
    "schedule.warmup_epochs='${warmup:${epochs}}',2",
    "epochs=5,50",
    "evaluation=[knn],[ncm,knn]",
    "regularizer=null,vne",
    "seed=range(0,3)",
]


def composed(overrides, config_dir=None):
    return [*config.compose_cells(config.cells(overrides, config_dir), config_dir)]


def test_cells_of_a_grid_equal_the_whole_composition():
    grid = config.cells(GRID)
    assert len(grid) == 2 * 2 * 2 * 2 * 2 * 2 * 2 * 3
    picked = random.Random(0).sample(grid, 25)
    for cell, found in zip(picked, config.compose_cells(picked), strict=True):
        assert found == config.compose("pretrain", cell)


def test_the_grammar_is_that_of_hydra(config_dir):
    assert config.cells(["seed=0,1", "epochs=3"]) == [
        ["seed=0", "epochs=3"],
        ["seed=1", "epochs=3"],
    ]
    assert config.cells(["seed=choice(3,5)", "epochs=range(2,7,2)"])[-1] == ["seed=5", "epochs=6"]
    found = config.cells(["data=glob(w*,exclude=watch)"], config_dir)
    assert found == [["data=waves"]]  # a file of the user's own folder
    lists = config.cells(["evaluation=[knn,ncm],[knn]"])
    assert lists == [["evaluation=[knn,ncm]"], ["evaluation=[knn]"]]
    assert config.cells(["data=folder", "data.path='a,b'"]) == [["data=folder", "data.path='a,b'"]]


def test_a_grid_does_not_change_what_its_cells_share():
    first, second, third = (one for one, _ in composed(["epochs=3,4,3"]))
    assert (first["epochs"], second["epochs"]) == (3, 4) and first == third


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["seed=0,1,x"], r"seed='x' \(str\): input should be a valid integer"),
        (["seed=0,1", "epoch=3"], "unknown key 'epoch': did you mean 'epochs'"),
        (["seed=0,1", "epoch=3,4"], "unknown key 'epoch': did you mean 'epochs'"),
        (["method=swav,ticoo"], "unknown method 'ticoo': did you mean 'tico'"),
        (["optimizer.lr=interval(0,1)"], "is an interval, and a grid needs single values"),
        (["method=glob(zz*)"], "stands for no value"),
        (["seed=range(3,3)"], "stands for no value"),
        (["hydra/launcher=joblib"], "type -m, and -j N for N runs at the same time"),
        (["hydra/sweeper=optuna"], "-m with sweep=optuna for a search"),
    ],
)
def test_a_mistake_in_any_cell_is_one_line(overrides, said):
    with pytest.raises(ConfigError, match=said):
        composed(overrides)


def test_without_m_several_values_are_refused_and_m_is_named():
    with pytest.raises(ConfigError, match="`manyviews pretrain -m` makes a run of each"):
        config.compose("pretrain", ["seed=0,1"])
