import numpy as np
import pytest

from manyviews.datamodules.series.readers.ts import read_ts
from manyviews.errors import ConfigError

HEADER = """#A comment
@problemName Two
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
"""


@pytest.fixture
def written(tmp_path):
    def of(text, name="x.ts"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return of


def test_channels_classes_missing_values_and_unequal_lengths_are_read(written):
    found = read_ts(written(HEADER + "1,2,?:4,5,6:up\n\n7, 8:9,1e-1:down\n"))
    first, second = found.recordings
    np.testing.assert_array_equal(first.value.T.numpy(), [[1, 2, np.nan], [4, 5, 6]])
    np.testing.assert_array_equal(second.value.T.numpy(), np.float32([[7, 8], [9, 0.1]]))
    assert found.classes == ("up", "down") and found.channels == ("0", "1")
    assert first.label.tolist() == [0, 0, 0] and second.label.tolist() == [1, 1]
    assert found.rate is None and not found.knows_subjects and found.test_recordings == 0


def test_classes_that_the_header_does_not_name_are_those_that_occur(written):
    found = read_ts(written("@classLabel true\n@data\n1,2:10\n3,4:9\n"))
    assert found.classes == ("9", "10") and found.recordings[0].label.tolist() == [1, 1]


def test_series_without_classes_are_read(written):
    found = read_ts(written("@classLabel false\n@data\n1,2\n"))
    assert found.classes == () and found.recordings[0].label.tolist() == [-1, -1]


@pytest.mark.parametrize("named", ["X_TRAIN.ts", "X_TEST.ts"])
def test_a_pair_of_files_is_read_together(written, named):
    path = written(HEADER + "1,2:3,4:up\n5,6:7,8:down\n", "X_TRAIN.ts")
    written(HEADER + "9,9:9,9:down\n", "X_TEST.ts")
    found = read_ts(path.with_name(named))
    assert [r.name for r in found.recordings] == [
        "X_TRAIN.ts, line 10",
        "X_TRAIN.ts, line 11",
        "X_TEST.ts, line 10",
    ]
    assert found.test_recordings == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, r"holds no series: there is nothing after @data"),
        ("1,2,3\n", r"line 1: '1,2,3' stands before @data; is .* a .ts file"),
        (HEADER + "1,2:3,x:up\n", r"line 10: could not convert string to float: 'x'"),
        (HEADER + "1,2:3:up\n", r"line 10: its channels have \[1, 2\] steps"),
        (HEADER + "1,2:3,4:up\n1,2:up\n", r"line 11 has 1 channels, .*line 10 has 2"),
        (HEADER + "1,2:3,4:left\n", r"label 'left' is none of up, down"),
        ("@timeStamps true\n@data\n", r"@timestamps true is not read"),
    ],
)
def test_mistakes_are_named_with_their_line(written, text, said):
    with pytest.raises(ConfigError, match=said):
        read_ts(written(text))


def bytes_of(tmp_path, raw, name="x.ts"):
    (tmp_path / name).write_bytes(raw)
    return read_ts(tmp_path / name)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path, codec):
    plain = bytes_of(tmp_path, (HEADER + "1,2:3,4:up\n").encode())
    found = bytes_of(tmp_path, (HEADER + "1,2:3,4:up\n").encode(codec))
    assert found.recordings[0].value.tolist() == plain.recordings[0].value.tolist()
    assert found.classes == ("up", "down") and found.notes == ()


def test_a_comment_in_cp1252_is_read_and_told(tmp_path):
    text = "#von Müller, 5 °C…\n" + HEADER + "1,2:3,4:up\n"
    found = bytes_of(tmp_path, text.encode("cp1252"))
    assert found.recordings[0].value.tolist() == [[1, 3], [2, 4]]
    assert found.notes == ("x.ts is not in UTF-8 (line 1): it is read as Windows-1252",)


@pytest.mark.parametrize("line", ["@", "@ ", " @\t", "@\u00a0"])
def test_a_lone_at_sign_is_named(written, line):
    with pytest.raises(ConfigError, match=r"x.ts, line 1: '@.*stands before @data"):
        read_ts(written(line + "\n@data\n1,2\n"))


def test_targets_of_a_regression_are_no_classes_and_it_is_said(written):
    found = read_ts(written("@targetlabel true\n@data\n1,2:0.5\n3,4:0.7\n"))
    assert found.classes == () and [r.label.tolist() for r in found.recordings] == [[-1, -1]] * 2
    assert found.recordings[1].value.tolist() == [[3], [4]]
    assert found.notes == (
        "x.ts: its targets are numbers, not classes (@targetlabel true): every label is unknown",
    )


def test_walk_and_walk_with_a_blank_are_one_class_in_header_and_lines(written):
    found = read_ts(written("@classLabel true walk 1\n@data\n1,2: walk \n3,4:1.0\n5,6:?\n"))
    assert found.classes == ("walk", "1")
    assert [r.label[0].item() for r in found.recordings] == [0, 1, -1]


def test_a_declared_class_may_be_called_none(written):
    found = read_ts(written("@classLabel true None some\n@data\n1,2:None\n3,4:NaN\n"))
    assert [r.label[0].item() for r in found.recordings] == [0, -1]
    assert found.notes[0].endswith("1 label is unknown: 1 'NaN'")


def test_what_differs_from_the_header_is_told(written):
    text = "@dimensions 3\n@equalLength true\n@seriesLength 2\n@classLabel false\n@data\n"
    found = read_ts(written(text + "1,2:3,4\n1,2,3:4,5,6\n"))
    assert found.notes == (
        "x.ts: the header says 3 channels, the series have 2",
        "x.ts: the header says 2 steps, the series have 2 to 3",
        "x.ts: the header says @equalLength true, and lengths differ",
    )


@pytest.mark.parametrize(
    "names", [("X_TRAIN.TS", "X_TEST.ts"), ("A_TEST_B_TRAIN.ts", "A_TEST_B_TEST.TS")]
)
def test_a_pair_is_found_whatever_case_its_endings_have(written, names):
    train, test = (written(HEADER + "1,2:3,4:up\n", name) for name in names)
    for path in (train, test):
        assert [r.name.split(",")[0] for r in read_ts(path).recordings] == [*names]
        assert read_ts(path).test_recordings == 1


def test_a_half_of_a_pair_alone_is_said_to_be_split_anew(written):
    found = read_ts(written(HEADER + "1,2:3,4:up\n", "X_TRAIN.ts"))
    assert found.test_recordings == 0
    assert found.notes == ("X_TEST.ts is not beside X_TRAIN.ts: its series are split anew",)


@pytest.mark.parametrize("value", ["1_0", "", "0x10", "1;2", "12 13"])
def test_what_is_no_number_is_not_read_as_one(written, value):
    with pytest.raises(ConfigError, match=r"x.ts, line 10: could not convert string to float"):
        read_ts(written(HEADER + f"1,{value}:3,4:up\n"))


def test_a_value_beyond_float32_is_named(written):
    with pytest.raises(ConfigError, match=r"channel '1' holds 1e\+39, and float32 ends at 3.4e38"):
        read_ts(written(HEADER + "1,2:3,1e39:up\n"))
