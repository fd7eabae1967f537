import numpy as np
import pytest

from manyviews.datamodules.series.public.har import har
from manyviews.errors import ConfigError


@pytest.fixture
def root(tmp_path):
    """Three experiments of two people, 40 steps each; the last of person 2 is shorter."""
    (tmp_path / "RawData").mkdir()
    for experiment, user, steps in ((1, 1, 40), (2, 1, 40), (3, 2, 30)):
        for s, sensor in enumerate(("acc", "gyro")):
            value = np.arange(steps * 3).reshape(steps, 3) + 1000 * s + experiment
            name = f"{sensor}_exp{experiment:02}_user{user:02}.txt"
            np.savetxt(tmp_path / "RawData" / name, value, fmt="%.3f")
    labels = ["1 1 5 1 10", "1 1 7 11 15", "1 1 1 16 40", "2 1 6 1 40", "3 2 2 1 30"]
    (tmp_path / "RawData" / "labels.txt").write_text("\n".join(labels))
    return tmp_path


def test_people_are_split_and_recordings_keep_their_length(root):
    splits = har(str(root), window=5)
    assert splits.train.recordings.length.tolist() == [40, 40]
    assert splits.test.recordings.length.tolist() == [30]
    assert splits.train.recordings.names == ("1-1", "1-2")
    assert splits.train.recordings.subjects == ("1", "2")


def test_six_channels_are_those_of_both_files(root):
    value = har(str(root), window=5).train.recordings.value
    assert value[:2].tolist() == [[1, 2, 3, 1001, 1002, 1003], [4, 5, 6, 1004, 1005, 1006]]


def test_steps_are_counted_from_one_and_transitions_are_unknown(root):
    label = har(str(root), window=5).train.recordings.label[:40].tolist()
    assert label == [4] * 10 + [-1] * 5 + [0] * 25


def test_default_windows_are_128_steps(root):
    with pytest.raises(ConfigError, match=r"data.window is 128 steps, the longest .* has 40"):
        har(str(root))


def test_what_to_fetch_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"holds nothing and .*har does not exist; fetch .*uci"):
        har(str(tmp_path))
    with pytest.raises(ConfigError, match=r"does not exist.*FOLDER/RawData holds labels.txt"):
        har(str(tmp_path / "nowhere"))


def test_incomplete_files_are_named(root):
    (root / "RawData" / "gyro_exp02_user01.txt").unlink()
    with pytest.raises(ConfigError, match=r"gyro_exp02_user01.txt cannot be read.*; fetch"):
        har(str(root), window=5)
    (root / "RawData" / "gyro_exp02_user01.txt").write_text("1 2 3\n")
    with pytest.raises(ConfigError, match=r"acc_exp02_user01.txt has 40 steps, its gyro file 1"):
        har(str(root), window=5)
    (root / "RawData" / "labels.txt").write_text("1 2 3\n")
    with pytest.raises(ConfigError, match=r"labels.txt has 3 columns, expected 5"):
        har(str(root), window=5)


def test_the_files_may_lie_in_a_folder_of_their_name(root, tmp_path):
    (tmp_path / "har").mkdir()
    (root / "RawData").rename(tmp_path / "har" / "RawData")
    assert len(har(str(tmp_path), window=5).train.label) == 16


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("labels.txt", "1 1 5 0 10\n", r"labels.txt: \[1, 1, 5, 0, 10\] is no experiment, user"),
        ("labels.txt", "1 1 5 9 8\n", r"\[1, 1, 5, 9, 8\] is no experiment"),
        ("labels.txt", "1 1 -5 1 8\n", r"\[1, 1, -5, 1, 8\] is no experiment"),
        ("labels.txt", "", r"labels.txt cannot be read"),
        ("gyro_exp01_user01.txt", "nan 1 2\n" * 40, r"gyro_exp01.* other than finite numbers"),
        ("acc_exp1b2_user3.txt", "1 2 3\n", r"acc_exp1b2_user3.txt is none of the names acc_exp"),
    ],
)
def test_damaged_files_are_named(root, file, text, said):
    (root / "RawData" / file).write_text(text)
    with pytest.raises(ConfigError, match=said):
        har(str(root), window=5)


def test_labels_outside_the_recordings_are_told(root):
    labels = ["1 1 5 1 41", "1 1 4 1 40", "9 9 1 1 5"]
    (root / "RawData" / "labels.txt").write_text("\n".join(labels))
    assert har(str(root), window=5).notes[:2] == (
        "1 labelled experiments have no file",
        "1 labels go on after the end of their recording",
    )
