import inspect
from importlib.resources import files

import pytest
from hydra import compose, initialize_config_module

from manyviews import data

NAMES = sorted(
    file.name.removesuffix(".yaml")
    for file in files("manyviews.conf").joinpath("data").iterdir()
    if file.name.endswith(".yaml")
)


@pytest.fixture(scope="module")
def nodes():
    with initialize_config_module("manyviews.conf", version_base=None):
        return {name: compose("pretrain", [f"data={name}"])["data"] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_yaml_lists_every_option_of_its_data_set(name, nodes):
    options = inspect.signature(getattr(data, name)).parameters
    assert set(nodes[name]) == {"_target_", "labels", *options}
    assert nodes[name]["_target_"] == f"manyviews.data.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_yaml_has_the_defaults_of_its_data_set(name, nodes):
    for key, option in inspect.signature(getattr(data, name)).parameters.items():
        if option.default is not option.empty:
            assert nodes[name][key] == option.default, key


def test_every_data_set_has_a_yaml():
    assert sorted(data.__all__) == NAMES
