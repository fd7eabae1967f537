import numpy as np
import pytest

from manyviews.datamodules.series.readers.arff import read_arff
from manyviews.errors import ConfigError

SEVERAL = """% made up
@RELATION BasicMotions

@attribute relationalAtt relational
 @attribute att0 numeric
 @attribute att1 numeric
@end relationalAtt
@attribute activity {Standing, Running,'Walking'}

@data
'1,2\\n3,?',Running
"5,6\\n7,8",'Walking'
"""
ONE = """@relation GunPoint
@attribute att0 numeric
@attribute att1 real
@attribute target {2,1}
@data
0.5,-1,1
3,4,2
"""


@pytest.fixture
def written(tmp_path):
    def of(text, name="x.arff"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return of


def test_several_channels_are_read_from_a_relational_attribute(written):
    found = read_arff(written(SEVERAL))
    first, second = found.recordings
    np.testing.assert_array_equal(first.value.T.numpy(), [[1, 2], [3, np.nan]])
    assert second.value.T.tolist() == [[5, 6], [7, 8]]
    assert found.classes == ("Standing", "Running", "Walking") and found.channels == ("0", "1")
    assert [first.label.tolist(), second.label.tolist()] == [[1, 1], [2, 2]]


def test_one_channel_is_a_row_of_numbers(written):
    found = read_arff(written(ONE))
    assert [r.value[:, 0].tolist() for r in found.recordings] == [[0.5, -1], [3, 4]]
    assert found.classes == ("2", "1") and found.recordings[0].label.tolist() == [1, 1]


def test_a_pair_is_read_together(written):
    path = written(ONE, "X_TRAIN.arff")
    written(ONE, "X_TEST.ARFF")
    found = read_arff(path)
    assert len(found.recordings) == 4 and found.test_recordings == 2


def test_numeric_targets_are_no_classes_and_it_is_said(written):
    found = read_arff(written(ONE.replace("{2,1}", "numeric")))
    assert found.classes == () and found.recordings[0].value.shape == (2, 1)
    assert found.notes == ("x.arff: its targets are numbers, not classes: every label is unknown",)


def test_series_without_classes_are_read(written):
    found = read_arff(written("@attribute a numeric\n@attribute b numeric\n@data\n1,2\n"))
    assert found.recordings[0].value.tolist() == [[1], [2]] and found.notes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE.replace("real", "date"), r"line 3: .*att1 date.*; allowed: @attribute NAME numeric"),
        (ONE + "1,2\n", r"line 8 has 2 values, the header 3"),
        (ONE + "1,x,2\n", r"line 8: could not convert string to float: 'x'"),
        (ONE + "1,2,3\n", r"label '3' is none of 2, 1"),
        (SEVERAL + "1,2,Running\n", r"line 13: expected a series in quotes"),
        (SEVERAL + "'1\\n2,3',Running\n", r"line 13: its channels have \[1, 2\] steps"),
        (ONE.split("@data")[0], r"holds no series: there is nothing after @data"),
        ("1,2\n" + ONE, r"line 1: '1,2' stands before @data; is .* an .arff file"),
        ("@data\n1,2\n", r"only numbers and a last class are read"),
    ],
)
def test_mistakes_are_named_with_their_line(written, text, said):
    with pytest.raises(ConfigError, match=said):
        read_arff(written(text))
