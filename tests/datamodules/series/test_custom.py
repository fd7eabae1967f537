import os
import re
from pathlib import Path

import numpy as np
import pytest
import small_series

from manyviews import config
from manyviews.datamodules.series.custom import series
from manyviews.errors import ConfigError


@pytest.fixture
def npz(tmp_path):
    """Three subjects of 30 steps each, one of them with a second recording of 4 steps."""

    def of(**more):
        value = np.random.default_rng(0).normal(size=(94, 2))
        arrays = {"value": value, "length": [30, 30, 30, 4], "subject": list("abca"), "rate": 10}
        arrays |= {"label": [0, 1, 0, 1]} | more
        np.savez(tmp_path / "mine.npz", **{k: v for k, v in arrays.items() if v is not None})
        return str(tmp_path / "mine.npz")

    return of


def test_windows_of_an_npz_are_split_by_subject(npz):
    splits = series(npz(), window="0.5s")
    assert splits.name == "mine" and splits.size == (5,)
    assert len(splits.train.label) == 12 and len(splits.test.label) == 6
    assert splits.skipped == ("recording '3': it has 4 steps, a window 5",)


def test_cases_of_equal_length_are_their_own_windows(tmp_path):
    np.savez(tmp_path / "x.npz", value=np.arange(72).reshape(4, 2, 9), subject=list("aabb"), rate=1)
    splits = series(str(tmp_path / "x.npz"), layout="nct")
    assert splits.size == (9,) and len(splits.train.label) == 2


def test_a_pair_of_ts_files_brings_its_own_splits(tmp_path):
    for part, count in (("TRAIN", 5), ("TEST", 3)):
        lines = [f"{i},{i + 1},0:{'ab'[i % 2]}" for i in range(count)]
        (tmp_path / f"x_{part}.ts").write_text("\n".join(["@classLabel true a b", "@data", *lines]))
    splits = series(str(tmp_path / "x_TRAIN.ts"))
    assert splits.notes == (f"{tmp_path / 'x_TRAIN.ts'} has no rate: windows are counted in steps",)
    assert len(splits.train.label) == 5 and len(splits.test.label) == 3
    assert splits.name == "x" and splits.test.label.tolist() == [0, 1, 0]
    assert len(series(str(tmp_path / "x_TEST.ts"), rate=1, by="recording").test.label) == 2


def test_a_table_is_read_by_its_ending(tmp_path):
    rows = [f"{s},{i},{i}" for s in "ab" for i in range(6)]
    (tmp_path / "x.csv").write_text("\n".join(["subject,t,x", *rows]))
    splits = series(str(tmp_path / "x.csv"), rate=1.0, window=3)
    assert len(splits.train.label) == 2 and splits.channels == 1


def test_missing_values_can_be_kept(npz):
    value = np.arange(188.0).reshape(94, 2)
    value[35, 1] = np.nan
    said = r"recording '1', channel '1', step 5 is missing \(1 such values\).* type data.nan=keep"
    with pytest.raises(ConfigError, match=said):
        series(npz(value=value), window=5)
    splits = series(npz(value=value), window=5, nan="keep")
    assert splits.train.values(splits.train.start).isnan().sum() == 1


def test_infinite_values_are_never_kept(npz):
    value = np.ones((94, 2))
    value[0, 0] = np.inf
    with pytest.raises(ConfigError, match=r"step 0 is inf \(1 such values\); fill or cut them, or"):
        series(npz(value=value), window=5, nan="keep")


@pytest.mark.parametrize(
    ("arrays", "given", "said"),
    [
        ({"rate": None}, {"window": "2s"}, r"the rate is missing, and data.window=2s cannot be co"),
        ({"rate": None}, {"window": 5, "stride": "1s"}, r"and data.stride=1s cannot be counted"),
        ({}, {"rate": 0.0}, r"data.rate=0.0; allowed: steps per second, above 0"),
        ({}, {"rate": float("nan")}, r"data.rate=nan; allowed: steps per second"),
        ({"rate": 0}, {}, r"the rate is 0.0; type data.rate=50"),
        (
            {},
            {},
            r"data.window is missing, and .* have 4 to 30 steps; type data.window=4 or .*=0.4s",
        ),
        ({}, {"window": 31}, r"data.window is 31 steps, the longest of 4 recordings has 30"),
        ({"subject": None}, {"window": 5}, r"does not say who was recorded, so data.by=subj"),
        ({"subject": list("aaaa")}, {"window": 5}, r"needs 2 subjects or more, the data has 1"),
        ({}, {"window": 5, "channels": ["0"]}, r"data.channels is for .csv files"),
    ],
)
def test_what_is_missing_is_said(npz, arrays, given, said):
    with pytest.raises(ConfigError, match=said):
        series(npz(**arrays), **given)


def test_files_that_are_not_there_or_of_another_kind_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"data.path=.*x.npz is not a file"):
        series(str(tmp_path / "x.npz"))
    with pytest.raises(
        ConfigError, match=r"unknown ending of data.path '.mat': .*\.csv, .npz, .ts"
    ):
        series(str(tmp_path / "x.mat"))
    (tmp_path / "x.csv").write_text("x\n1\n")
    with pytest.raises(ConfigError, match=r"data.layout=nct is for .npz files"):
        series(str(tmp_path / "x.csv"), layout="nct")


def test_the_config_is_checked_against_the_constructor():
    path = "data.path=x.npz"
    made, _ = config.compose("pretrain", ["data=series", path, "data.test=[8,b]", "data.window=2s"])
    assert made["data"]["test"] == [8, "b"]
    with pytest.raises(ConfigError, match=r"data.by='person' \(str\): input should be 'subject'"):
        config.compose("pretrain", ["data=series", path, "data.by=person"])


def test_all_that_is_missing_is_said_at_once(npz):
    value = np.arange(188.0).reshape(94, 2)
    value[0, 0] = np.nan
    with pytest.raises(ConfigError) as caught:
        series(npz(rate=None, subject=None, value=value), stride="1s")
    said = str(caught.value)
    for part in ("type data.rate=50", "type data.window=4;", "data.by=recording", "data.nan=keep"):
        assert part in said
    assert "\n" not in said


@pytest.mark.parametrize("lengths", [[30, 30, 30, 4], [90, 1, 1, 2], [40, 50, 3, 1]])
def test_the_suggested_window_works(npz, lengths):
    with pytest.raises(ConfigError) as caught:
        series(npz(length=lengths))
    steps, seconds = re.findall(r"data\.window=(\d+) or data\.window=([\d.]+s)", str(caught.value))[
        0
    ]
    made = [series(npz(length=lengths), window=w, by="window") for w in (int(steps), seconds)]
    assert made[0].size == made[1].size == (int(steps),)


def test_a_window_that_is_too_long_comes_with_one_that_works(npz):
    with pytest.raises(ConfigError, match=r"the longest of 4 recordings has 30; .* data.window=30"):
        series(npz(), window=31)
    assert series(npz(), window=30).size == (30,)


@pytest.mark.parametrize("name", ["X.NPZ", "x.Npz"])
def test_endings_in_capitals_are_endings(npz, tmp_path, name):
    Path(npz()).rename(tmp_path / name)
    assert series(str(tmp_path / name), window=5).name == name[:1]


def test_a_typed_rate_that_replaces_the_files_is_told(npz):
    assert series(npz(), window=5, rate=20).notes == (
        f"data.rate=20 replaces the rate in {npz()}, 10",
    )
    assert series(npz(), window=5, rate=10).notes == ()


def test_one_recording_of_nobody_is_advised_what_works(tmp_path):
    (tmp_path / "x.csv").write_text("\n".join(["x", *map(str, range(40))]))
    with pytest.raises(ConfigError, match=r"type data.by=window"):
        series(str(tmp_path / "x.csv"), window=4)
    with pytest.raises(ConfigError, match=r"needs 2 recordings or more.*type data.by=window"):
        series(str(tmp_path / "x.csv"), window=4, by="recording")
    assert len(series(str(tmp_path / "x.csv"), window=4, by="window").test.label) == 2


def test_a_share_beside_a_split_of_its_own_is_refused(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"x_{part}.ts").write_text("@data\n1,2,3\n4,5,6\n")
    with pytest.raises(
        ConfigError, match=r"data.test=0.3, and the data have a test split of their"
    ):
        series(str(tmp_path / "x_TEST.ts"), test=0.3)


@pytest.mark.parametrize("ending", ["npz", "ts", "csv", "arff"])
def test_a_named_pipe_is_no_file(tmp_path, ending):
    os.mkfifo(tmp_path / f"x.{ending}")
    with pytest.raises(ConfigError, match=r"is not a file"):
        series(str(tmp_path / f"x.{ending}"), window=5)


@pytest.mark.parametrize("ending", ["npz", "ts", "csv", "arff"])
def test_an_empty_file_is_one_line(tmp_path, ending):
    (tmp_path / f"x.{ending}").touch()
    with pytest.raises(ConfigError, match=r"is empty|holds no"):
        series(str(tmp_path / f"x.{ending}"), window=5)


@pytest.mark.parametrize("given", [{}, {"nan": "keep"}])
def test_infinity_in_a_ts_is_refused_with_its_place(tmp_path, given):
    (tmp_path / "x.ts").write_text("@data\n1,2,3\n4,inf,6\n")
    with pytest.raises(ConfigError, match=r"'x.ts, line 3', channel '0', step 1 is inf \(1 such"):
        series(str(tmp_path / "x.ts"), by="recording", **given)


def test_files_without_subjects_have_no_scores_by_person(tmp_path, npz):
    (tmp_path / "x.ts").write_text("@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n7,8,9:a\n")
    nobody = series(str(tmp_path / "x.ts"), by="recording")
    somebody = series(npz(), window=5)
    data = [small_series.data(small_series.windows(), 2, splits) for splits in (nobody, somebody)]
    assert data[0].groups("test") is None
    assert data[1].groups("test")[1] == ("a", "b", "c")
