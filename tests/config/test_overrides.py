"""Text that a user types after the command arrives as it was typed, or is refused."""

import pytest

from manyviews import config
from manyviews.config.overrides import check_each_key_is_typed_once
from manyviews.errors import ConfigError


def compose(*overrides, command="pretrain"):
    return config.compose(command, overrides)[0]


PATHS = [
    "2024",
    "010",
    "1e3",
    "1_000",
    "1.50",
    "-5",
    "true",
    "Nan",
    "inf",
    "café",
    "photos (1)",
    "a=b",
    "p#1",
    "it's",
    "a&b",
    "photos[1]",
    "photos{2}",
    "a;b",
    'say "hi"',
    "C:\\data\\new",
    "trailing\\",
    "\\\\server\\share",
    "@home",
    "50%",
    "a,b/c d",
]


@pytest.mark.parametrize("path", PATHS[:-1])
def test_a_path_arrives_as_it_was_typed(path):
    assert compose("data=folder", f"data.path={path}")["data"]["path"] == path


@pytest.mark.parametrize("path", ["2024", "a=b", "it's", "photos (1)", "a/b#c"])
def test_the_run_of_evaluate_is_a_path_too(path):
    assert compose(f"run={path}", command="evaluate")["run"] == path


def test_a_path_with_a_comma_says_how_to_quote_it():
    with pytest.raises(ConfigError, match=r"""quote it: "data.path='a,b'\""""):
        compose("data=folder", "data.path=a,b")
    assert compose("data=folder", "data.path='a,b'")["data"]["path"] == "a,b"


def test_a_path_below_the_home_folder_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert compose("data=folder", "data.path=~/photos")["data"]["path"] == "/home/me/photos"
    assert compose("runs=~/runs")["runs"] == "/home/me/runs"


def test_names_in_a_list_stay_text():
    made = compose("data=series", "data.path=x.csv", "data.channels=[0,01,1.0,ax]")
    assert made["data"]["channels"] == ["0", "01", "1.0", "ax"]


def test_numbers_where_numbers_are_wanted_stay_numbers():
    made = compose("epochs=1_0", "optimizer.lr=1e-3", "data=watch", "data.window=128")
    assert (made["epochs"], made["optimizer"]["lr"]) == (10, 1e-3)
    assert made["data"]["window"] == 128


def test_null_is_no_text():
    with pytest.raises(ConfigError, match="data.path=None"):
        compose("data=folder", "data.path=null")


@pytest.mark.parametrize(
    "twice",
    [
        ["method=swav", "method=tico"],
        ["epochs=1", "epochs=2"],
        ["data=folder", "data=null"],
        ["epochs=1", "+epochs=true"],
    ],
)
def test_two_values_for_one_key_are_refused_instead_of_the_last_one_winning(twice):
    with pytest.raises(ConfigError, match="is given twice"):
        check_each_key_is_typed_once(["seed=1", *twice])


def test_the_same_value_twice_is_no_contradiction():
    check_each_key_is_typed_once(["seed=1", "seed=1", "schedule.start=nan", "schedule.start=nan"])


@pytest.mark.parametrize("text", ["epochs", "=3", "", " ", "--epochs", "1=2", "a b=3", "ü=1"])
def test_what_is_no_key_and_value_says_so(text):
    with pytest.raises(ConfigError, match="type key=value"):
        compose(text)


@pytest.mark.parametrize("text", ["hydra.run.dir=x", "hydra/launcher=joblib", "+hydra.x=1"])
def test_settings_of_hydra_itself_are_refused(text):
    with pytest.raises(ConfigError, match="Hydra itself"):
        compose(text)
