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
