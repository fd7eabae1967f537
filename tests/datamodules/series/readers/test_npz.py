import numpy as np
import pytest

from manyviews.datamodules.series.readers.npz import read_npz
from manyviews.errors import ConfigError

CASES = np.arange(24.0).reshape(4, 2, 3)  # 4 recordings, 2 channels, 3 steps


@pytest.fixture
def saved(tmp_path):
    """Writes arrays and reads them back."""

    def of(layout=None, **arrays):
        np.savez_compressed(tmp_path / "x.npz", **arrays)
        return read_npz(tmp_path / "x.npz", layout)

    return of


def ragged(**more):
    value = np.arange(14.0).reshape(7, 2)
    return {"value": value, "length": [3, 4], "rate": 50, **more}


def test_channels_before_steps_and_steps_before_channels_hold_the_same(saved):
    first = saved("nct", value=CASES)
    second = saved("ntc", value=CASES.swapaxes(1, 2))
    for found in (first, second):
        assert [r.value.tolist() for r in found.recordings] == CASES.swapaxes(1, 2).tolist()


def test_channel_names_tell_the_layout(saved):
    found = saved(value=CASES, channels=["x", "y"])
    assert found.channels == ("x", "y") and found.recordings[0].value.shape == (3, 2)


@pytest.mark.parametrize("names", [[], ["x", "y", "z"]])
def test_a_layout_that_could_be_either_is_refused(saved, names):
    value = CASES if not names else np.zeros((4, 3, 3))
    with pytest.raises(ConfigError, match=r"look alike; type data.layout=nct"):
        saved(value=value, **({"channels": names} if names else {}))


@pytest.mark.parametrize("where", [{"length": [3, 4]}, {"offset": [0, 3, 7]}])
def test_ragged_recordings_are_cut_by_length_or_offset(saved, where):
    found = saved(value=np.arange(14).reshape(7, 2), **where)
    assert [r.value[:, 0].tolist() for r in found.recordings] == [[0, 2, 4], [6, 8, 10, 12]]
    assert [r.name for r in found.recordings] == ["0", "1"] and not found.knows_subjects


def test_subjects_names_rate_and_channels_are_read(saved):
    found = saved(**ragged(subject=[7, 3], name=["a", "b"], channels=["x", "y"]))
    assert [(r.subject, r.name) for r in found.recordings] == [("7", "a"), ("3", "b")]
    assert found.rate == 50.0 and found.channels == ("x", "y") and found.knows_subjects


def test_labels_of_recordings_hold_for_all_their_steps(saved):
    found = saved(**ragged(label=["walk", "run"]))
    assert found.classes == ("run", "walk")
    assert [r.label.tolist() for r in found.recordings] == [[1] * 3, [0] * 4]


def test_labels_can_be_given_for_every_step(saved):
    found = saved(**ragged(label=[0, 0, -1, 2, 2, 1, 1], classes=["a", "b", "c"]))
    assert [r.label.tolist() for r in found.recordings] == [[0, 0, -1], [2, 2, 1, 1]]
    assert found.classes == ("a", "b", "c")


def test_intervals_label_what_lies_in_them(saved):
    found = saved(
        **ragged(interval=[[0, 1, 3], [1, 0, 2]], interval_label=["sit", "lie"]),
    )
    assert found.classes == ("lie", "sit")
    assert [r.label.tolist() for r in found.recordings] == [[-1, 1, 1], [0, 0, -1, -1]]


def test_without_labels_all_are_unknown(saved):
    found = saved(**ragged())
    assert found.recordings[0].label.tolist() == [-1] * 3 and found.classes == ()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (ragged(subjects=[1, 2]), r"unknown key in .* 'subjects': did you mean 'subject'"),
        ({"valu": [1]}, r"unknown key in .* 'valu': did you mean 'value'"),
        ({"rate": 50}, r"holds no value; its keys are rate"),
        ({"value": np.zeros((0, 2)), "length": []}, r"holds no value"),
        ({"value": np.zeros((7, 2))}, r"value is \(7, 2\); give length or offset"),
        ({"value": ["a", "b"]}, r"value is <U1 \(2,\); allowed: numbers"),
        (ragged(length=[3, 3]), r"from step 0 to 6, value has 7 steps"),
        (ragged(length=[0, 7]), r"recording 0 has 0 steps"),
        (
            {"value": np.zeros((7, 2)), "offset": [1, 3, 7]},
            r"from step 1 to 7.* offset goes from 0",
        ),
        (ragged(rate=[50, 60]), r"rate is int64 \(2,\); allowed: one number"),
        (ragged(subject="a"), r"subject is \(\); allowed: one axis"),
        (ragged(length=[[3], [4]]), r"length is \(2, 1\); allowed: one axis"),
        (
            {"value": np.zeros((2, 3, 1)), "length": [3, 2], "channels": ["x"]},
            r"of one length; leav",
        ),
        ({"value": 3.0}, r"value is float64 \(\); allowed: numbers"),
        (ragged(channels=["x"]), r"channels has 1 names, value 2 channels"),
        (ragged(subject=[1]), r"subject is \(1,\); expected one for each of 2 recordings"),
        (ragged(label=[1, 2, 3]), r"label is \(3,\); expected one for each of 2 recordings or 7"),
        (ragged(label=[0.5, 1.0]), r"labels are float64; allowed: whole numbers or names"),
        (ragged(label=[0, 3], classes=["a"]), r"label 3, but 1 classes from 0 on"),
        (ragged(label=["b", "a"], classes=["a"]), r"label 'b' is none of a"),
        (ragged(interval=[[0, 0, 1]]), r"give both interval and interval_label"),
        (
            ragged(interval=[[0, 2, 4]], interval_label=[0]),
            r"interval 0, steps 2 to 4 of recording 0, is not inside",
        ),
        (
            ragged(interval=[[2, 0, 1]], interval_label=[0]),
            r"of recording 2, is not inside one of 2 recordings$",
        ),
    ],
)
def test_what_does_not_belong_together_is_named(saved, arrays, said):
    with pytest.raises(ConfigError, match=said):
        saved(**arrays)


def test_python_objects_are_not_unpickled(saved):
    class Ran:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    with pytest.raises(ConfigError, match=r"is not an .npz file of plain arrays"):
        saved(value=np.array([Ran()], dtype=object))


def test_another_file_is_named(tmp_path):
    (tmp_path / "x.npz").write_text("not a zip")
    with pytest.raises(ConfigError, match=r"x.npz is not an .npz file of plain arrays"):
        read_npz(tmp_path / "x.npz", None)
