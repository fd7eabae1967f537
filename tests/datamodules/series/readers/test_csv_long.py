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
