import numpy as np
import pytest

from manyviews import config
from manyviews.commands.doctor import examine
from manyviews.errors import ConfigError


@pytest.fixture
def diagnosed():
    def of(*overrides, **more):
        value = np.random.default_rng(0).normal(size=(94, 2))
        value[60:90] = value[:30]
        value[35, 1] = np.nan
        arrays = {"value": value, "length": [30, 30, 30, 4], "subject": list("abca"), "rate": 10}
        np.savez("mine.npz", **{**arrays, "label": ["run", "sit", "walk", "run"], **more})
        given = ["data=series", "data.path=mine.npz", *overrides]
        return examine.diagnosis(config.compose("doctor", given)[0])

    return of


def test_planted_defects_of_series_are_found(diagnosed):
    found = {i.kind: i for i in diagnosed("data.window=5").issues}
    assert list(found) == ["short", "copies", "leaks", "missing", "one_split"]
    assert found["leaks"].cases[0].names == ["train: 0", "test: 2"]
    assert found["missing"].cases == [(["1"], "1")] and "data.nan=keep" in found["missing"].text
    assert [case.names for case in found["one_split"].cases] == [["run"], ["sit"], ["walk"]]


def test_the_summary_of_series_has_counts_and_rates(diagnosed):
    lines = {line.name: line.text for line in diagnosed("data.window=5").summary}
    assert lines == {
        "recordings": "4 of 4 to 30 steps at 10 Hz",
        "windows": "12 train, 6 test, of 5 steps",
        "channels": "2: '0', '1'",
        "classes": "3 classes in training windows: 'run' 6, 'sit' 6, 'walk' 0",
        "subjects": "2 train, 1 test",
    }


def test_what_is_missing_is_one_line(diagnosed):
    with pytest.raises(ConfigError, match=r"data.window is missing.*type data.window=4"):
        diagnosed()


def test_text_and_file_are_written(diagnosed, tmp_path):
    diagnosed("data.window=5")
    said = examine.examine(["data=series", "data.path=mine.npz", "data.window=5", "file=d.json"])
    assert "leaks: 2 recordings with the same values in training and test split" in said
    assert (tmp_path / "d.json").stat().st_size > 500
