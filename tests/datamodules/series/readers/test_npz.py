import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from manyviews.datamodules.series.readers.npz import read_npz
from manyviews.datamodules.series.readers.npz_arrays import load_arrays
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


def rewritten(tmp_path, key, raw):
    """A file whose array `key` has these bytes."""
    np.savez_compressed(tmp_path / "x.npz", **ragged())
    with zipfile.ZipFile(tmp_path / "x.npz") as held:
        members = {name: held.read(name) for name in held.namelist()}
    members[f"{key}.npy"] = raw(members.get(f"{key}.npy"))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in members.items():
            held.writestr(name, content)
    return tmp_path / "x.npz"


def test_a_header_that_claims_16_pebibytes_takes_no_memory(tmp_path):
    claim = b"(%d, 2), }" % 2**50
    path = rewritten(
        tmp_path, "value", lambda raw: raw.replace(b"(7, 2), }".ljust(len(claim)), claim)
    )
    tracemalloc.start()
    with pytest.raises(ConfigError, match=r"'value' claims [\d,]+ bytes, and has [\d,]+\); write"):
        read_npz(path, None)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_directory_that_claims_more_than_the_file_can_hold_is_refused(tmp_path):
    path = rewritten(tmp_path, "value", lambda raw: raw)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02")  # the directory entry of the first array
    raw[at + 24 : at + 28] = struct.pack("<I", 2**31)
    path.write_bytes(bytes(raw))
    with pytest.raises(ConfigError, match=r"'value' claims more bytes than the file can hold"):
        read_npz(path, None)


def test_an_npy_that_is_named_npz_is_said_to_be_one_array(tmp_path):
    np.save(tmp_path / "x.npy", CASES)
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(ConfigError, match=r"\(it is one array, an .npy; pass it as value=\.\.\."):
        read_npz(tmp_path / "x.npz", None)


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "x.npz").touch()
    with pytest.raises(ConfigError, match=r"plain arrays \(it is empty\)"):
        read_npz(tmp_path / "x.npz", None)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", **ragged())
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "x.npz", "a") as held:
        held.writestr("value.npy", b"")
    with pytest.raises(ConfigError, match=r"two arrays of the name 'value'"):
        read_npz(tmp_path / "x.npz", None)


def test_arrays_are_those_that_numpy_reads(saved, tmp_path):
    saved(**ragged())
    held = np.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(load_arrays(tmp_path / "x.npz")["value"], held["value"])


def test_labels_above_two_to_the_63_are_classes(saved):
    found = saved(**ragged(label=np.array([2**63 + 5, 7], dtype=np.uint64)))
    assert found.classes == ("7", str(2**63 + 5))
    assert [r.label[0].item() for r in found.recordings] == [1, 0]
    with pytest.raises(ConfigError, match=r"label 9223372036854775813, but 1 classes"):
        saved(**ragged(label=np.array([2**63 + 5, 0], dtype=np.uint64), classes=["a"]))


def test_names_that_differ_in_blanks_only_are_one(saved):
    found = saved(**ragged(subject=["s0", "s0 "], label=["walk", " walk"], name=["a ", "b"]))
    assert [(r.subject, r.name) for r in found.recordings] == [("s0", "a"), ("s0", "b")]
    assert found.classes == ("walk",) and len(found.notes) == 3


def test_values_that_float32_cannot_hold_are_told_with_numbers(saved):
    value = 1.7e12 + np.arange(14.0).reshape(7, 2)
    said = saved(**ragged(value=value)).notes
    assert len(said) == 2 and "channel '0' is rounded to float32 by up to" in said[0]
    assert saved(**ragged(value=np.arange(14).reshape(7, 2) / 3)).notes == ()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"value": np.zeros((7, 2)), "offset": []}, r"offset is float64 \(0,\); allowed: whole"),
        ({"value": np.zeros((7, 2)), "offset": np.zeros(0, int)}, r"offset is int64 \(0,\)"),
        (
            {"value": np.zeros((7, 2)), "offset": np.array([0, 9, 7], np.uint64)},
            r"recording 1 has -2 steps",
        ),
        (ragged(length=[9, -2]), r"recording 1 has -2 steps"),
        (ragged(length=[3.0, 4.0]), r"length is float64 \(2,\); allowed: whole numbers"),
        (ragged(offset=[0, 3, 7]), r"give length or offset, not both"),
        (ragged(value=np.zeros((7, 2), complex)), r"value is complex128 \(7, 2\); allowed: num"),
        (ragged(value=np.zeros((7, 2), bool)), r"value is bool \(7, 2\); allowed: numbers"),
        (ragged(value=np.full((7, 2), 1e39)), r"holds 1e\+39, and float32 ends at 3.4e38"),
        (ragged(rate="50"), r"rate is <U2 \(\); allowed: one number"),
        (ragged(subject=[b"a", b"b"]), r"subject is \|S1; allowed: names as text, or numbers"),
        (ragged(subject=["a", ""]), r"1 of 2 recordings have no subject \(number 1 .*''"),
        (ragged(subject=[1.0, np.nan]), r"1 of 2 recordings have no subject"),
        (ragged(channels=["x", " x"]), r"2 channels have the same name \('x', ' x'\)"),
        (ragged(channels=["x", ""]), r"channel number 2 of 2 has no name"),
        (ragged(label=["a", "b"], classes=["a", "a "]), r"2 classes have the same name"),
        (ragged(label=np.zeros((7, 1), int)), r"label is \(7, 1\); expected one for each"),
        (ragged(label=[1 + 2j, 0]), r"labels are complex128; allowed"),
        (
            ragged(interval=[[0, 0, 2], [0, 1, 3]], interval_label=["a", "b"]),
            r"interval 1, steps 1 to 3 of recording 0, overlaps one of another class",
        ),
    ],
)
def test_what_could_be_misread_is_refused(saved, arrays, said):
    with pytest.raises(ConfigError, match=said):
        saved(**arrays)
