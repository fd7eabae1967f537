import numpy as np
import pytest

from manyviews.datamodules.series.readers.csv_long import read_csv
from manyviews.errors import ConfigError


@pytest.fixture
def written(tmp_path):
    def of(*lines):
        (tmp_path / "x.csv").write_text("\n".join(lines))
        return tmp_path / "x.csv"

    return of


def test_recordings_channels_and_labels_are_read(written):
    path = written(
        "subject,recording,t,ax,ay,label",
        "ann,1,0.0,1,2,walk",
        "ann,1,0.1,3,,walk",
        "bob,1,0.0,5,6,",
        "ann,2,0.0,7,8,run",
    )
    found = read_csv(path, None)
    assert [(r.subject, r.name) for r in found.recordings] == [
        ("ann", "1"),
        ("bob", "1"),
        ("ann", "2"),
    ]
    np.testing.assert_array_equal(found.recordings[0].value.numpy(), [[1, 2], [3, np.nan]])
    assert found.channels == ("ax", "ay") and found.classes == ("run", "walk")
    assert [r.label.tolist() for r in found.recordings] == [[1, 1], [-1], [0]]
    assert found.knows_subjects


def test_without_a_recording_column_each_subject_is_one(written):
    found = read_csv(written("subject,x", "a,1", "b,2", "a,3"), None)
    assert [(r.name, r.value[:, 0].tolist()) for r in found.recordings] == [
        ("a", [1, 3]),
        ("b", [2]),
    ]


def test_one_column_is_one_recording(written):
    found = read_csv(written("x", "1", "2"), None)
    assert len(found.recordings) == 1 and not found.knows_subjects


def test_channels_can_be_chosen_among_other_columns(written):
    found = read_csv(written("note,y,x", "hi,1,2", "ho,3,4"), ["x", "y"])
    assert found.channels == ("x", "y") and found.recordings[0].value.tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize(
    ("lines", "channels", "said"),
    [
        (
            ["note,x", "hi,1"],
            None,
            r"column 'note' holds something other than numbers.*channels=\[",
        ),
        (["x,y", "1,2"], ["z"], r"unknown column in .* 'z': allowed: x, y"),
        (["t,label", "1,2"], None, r"has no channels: its columns are t, label"),
        (["x"], None, r"holds no rows under a header"),
        ([], None, r"holds no rows under a header"),
        (["x,y", "1,2", "3"], None, r"row 3 has 1 cells, the header 2"),
        (["x,x", "1,2"], None, r"2 columns have the same name \('x', 'x'\); give each its own"),
        (["t,x", "0,1", "2,1", "1,1"], None, r"t does not increase at row 4; sort by t"),
        (["t,x", "0,1", "0,1"], None, r"t does not increase at row 3"),
        (["t,x", "0,1", ",1"], None, r"t does not increase at row 3"),
        (["t,x", "0,1", "1,1", "2,1", "9,1"], None, r"t jumps from 2 to 9, usually by 1"),
    ],
)
def test_mistakes_are_told_in_a_line(written, lines, channels, said):
    with pytest.raises(ConfigError, match=said):
        read_csv(written(*lines), channels)


@pytest.mark.parametrize("header", ["x, x", "x,x ", " x,\tx"])
def test_two_columns_that_differ_in_blanks_only_are_refused(written, header):
    with pytest.raises(ConfigError, match=r"2 columns have the same name \(.*\); give each its"):
        read_csv(written(header, "1,2"), None)


def test_blanks_around_names_of_columns_and_typed_channels_do_not_matter(written):
    found = read_csv(written("note, ax ,ay", "a,1,2"), ["ay ", "ax"])
    assert found.channels == ("ay", "ax") and found.recordings[0].value.tolist() == [[2, 1]]


def test_a_person_with_a_blank_behind_the_name_is_one_person(written):
    found = read_csv(written("subject,x", "s0,1", "s0 ,2", "s1,3"), None)
    assert [r.subject for r in found.recordings] == ["s0", "s1"]
    assert any("'s0 ' is 's0'" in note for note in found.notes)


def test_rows_without_a_subject_are_refused(written):
    with pytest.raises(ConfigError, match=r"1 of 2 rows have no subject .*data.by=recording"):
        read_csv(written("subject,x", "s0,1", ",2"), None)


def test_one_and_one_point_zero_and_missing_labels_are_not_four_classes(written):
    found = read_csv(written("x,label", "1,1", "2,1.0", "3,NaN", "4,nan", "5,None", "6,"), None)
    assert found.classes == ("1",) and found.recordings[0].label.tolist() == [0, 0, -1, -1, -1, -1]
    assert any("4 labels are unknown: " in note for note in found.notes)
    assert any("'1.0' is '1'" in note for note in found.notes)


def test_a_nul_is_named_with_its_line(written):
    with pytest.raises(ConfigError, match=r"line 3 holds a NUL; the file is damaged"):
        read_csv(written("x,y", "1,2", "3,4\0"), None)


def test_channels_that_nobody_typed_are_named(written):
    assert "x.csv: the channels are x, y" in read_csv(written("x,y", "1,2"), None).notes
    assert read_csv(written("x,y", "1,2"), ["x"]).notes == ()


@pytest.mark.parametrize(
    ("lines", "channels", "said"),
    [
        (["x,Label", "1,2"], None, r"column 'Label' is label or a channel; name it label, or type"),
        (["x,T", "1,2"], None, r"column 'T' is t or a channel"),
        ([",x", "0,1"], None, r"column number 1 of 2 has no name"),
        (["x,y", "1,2"], [], r"has no channels: its columns are x, y"),
        (["x,y", "1,2"], ["x", "x"], r"data.channels=\['x', 'x'\]: 2 channels have the same name"),
        (["x,label", "1,2"], ["x", "label"], r"data.channels: label of .* is no measurement"),
        (["x;y", "1,5;2"], None, r"its cells stand between ';'; save it with commas"),
        (["x,label", f"1,{'a' * 1001}"], None, r"a label of 1,001 characters begins with 'aaaa"),
        (["x,y", '1,"2'], None, r"cannot be read \(line 2: unexpected end of data"),
        (["x", "1_0"], None, r"column 'x' holds something other than numbers.*'1_0'"),
        (["t,x", "2024-01-01,1"], None, r"column 't' holds .*; t is the time in seconds"),
        (["t,x", "inf,1"], None, r"t does not increase at row 2"),
    ],
)
def test_what_could_be_misread_is_refused(written, lines, channels, said):
    with pytest.raises(ConfigError, match=said):
        read_csv(written(*lines), channels)


def test_a_column_without_a_name_is_left_out_if_channels_are_typed(written):
    assert read_csv(written(",x,", "0,1,2"), ["x"]).recordings[0].value.tolist() == [[1]]


def test_rows_that_stand_apart_are_told_if_there_is_no_time(written):
    said = read_csv(written("subject,x", "a,1", "b,2", "a,3"), None).notes
    assert any("rows of recording 'a' do not stand together" in note for note in said)


def test_a_column_that_is_nearly_called_label_is_told_not_to_be_read(written):
    found = read_csv(written("x,Label", "1,a"), ["x"])
    assert found.classes == ()
    assert found.notes == ("x.csv: column 'Label' is not read; one with this meaning is label",)
