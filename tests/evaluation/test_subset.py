import pytest

from manyviews.errors import ConfigError
from manyviews.evaluation.subset import positions_in

NAMES = ["train/n01/n01_5.JPEG", "train/n02/n02_7.JPEG", "a/x y.png", "b/x y.png"]


def listed(tmp_path, text):
    file = tmp_path / "list.txt"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("n02_7.JPEG\nn01_5.JPEG\n", [0, 1]),
        ("\nn02/n02_7.JPEG\r\n\r\nb/x y.png", [1, 3]),
        ("n02_7.JPEG\nn02_7.JPEG\n", [1]),
        ("2\n0\n", [0, 2]),
    ],
)
def test_lines_are_file_names_or_rows(text, positions, tmp_path):
    assert positions_in(listed(tmp_path, text), NAMES).tolist() == positions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "n03_1.JPEG\nn01_5.JPEG",
            "1 of 2 names, such as 'n03_1.JPEG', are not among the training",
        ),
        ("1_5.JPEG", "1 of 1 names.* are not among"),  # the end of a name is not a name
        ("1/n01_5.JPEG", "1 of 1 names.* are not among"),  # nor is the end of a folder's name
        ("n02/n01_5.JPEG", "1 of 1 names.* are not among"),
        ("x y.png", "1 of 1 names, such as 'x y.png', fit several training items; put the folder"),
        (" \n", "is empty"),
    ],
)
def test_a_list_that_does_not_fit_is_one_line(text, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        positions_in(listed(tmp_path, text), NAMES)


def test_names_need_files_and_rows_do_not(tmp_path):
    assert positions_in(listed(tmp_path, "3\n"), None).tolist() == [3]
    with pytest.raises(ConfigError, match="these data have none; list rows"):
        positions_in(listed(tmp_path, "n01_5.JPEG\n"), None)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        positions_in(tmp_path / "nowhere.txt", NAMES)
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="cannot be read"):
        positions_in(tmp_path / "picture.png", NAMES)
