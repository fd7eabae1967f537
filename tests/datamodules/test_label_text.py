import pytest
import torch

from manyviews.datamodules.label_text import changes, class_names, labels_of, strip


@pytest.mark.parametrize("text", ["walk", "walk ", " walk", "\twalk\r", "\u00a0walk", "\ufeffwalk"])
def test_walk_and_walk_with_a_blank_are_one_class(text):
    assert class_names([text]) == ["walk"]
    assert strip(text) == "walk"


@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "NaN", "nan", "NA", "na", "N/A", "<NA>", "None", "none", "null", "NULL "],
)
def test_a_missing_class_is_unknown_however_it_is_written(text):
    classes, label = labels_of(["a", text])
    assert classes == ("a",) and label.tolist() == [0, -1]


@pytest.mark.parametrize("text", ["Nancy", "nap", "nano", "null hypothesis", "-", "0", "unknown"])
def test_a_class_that_only_begins_like_a_missing_one_is_kept(text):
    assert class_names([text]) == [text]


def test_one_and_one_point_zero_are_one_class():
    classes, label = labels_of(["1", "1.0", "2.00", "2", "-1.0", "-1"])
    assert classes == ("-1", "1", "2") and label.tolist() == [1, 1, 2, 2, 0, 0]
    assert changes(["1", "1.0"]) == ("classes that are the same number are one: '1.0' is '1'",)


@pytest.mark.parametrize("texts", [["1.1", "1.10"], ["01", "1"], ["1.0", "1.00"], ["1.0", "2.0"]])
def test_numbers_that_may_be_codes_or_versions_stay_as_written(texts):
    assert class_names(texts) == texts and changes(texts) == ()


def test_accents_in_one_or_two_characters_are_one_class():
    assert class_names(["caf\u00e9", "cafe\u0301"]) == ["caf\u00e9"] * 2


def test_a_name_of_odd_bytes_stays_as_it_is():
    assert class_names(["caf\udce9"]) == ["caf\udce9"]


def test_classes_are_sorted_and_labels_are_whole_numbers():
    classes, label = labels_of(["10", "9", "b", "a"])
    assert classes == ("10", "9", "a", "b") and label.dtype == torch.int64
    assert labels_of(["10", "9"], order=int)[0] == ("9", "10")
    empty = labels_of([])
    assert empty[0] == () and empty[1].shape == (0,) and empty[1].dtype == torch.int64


def test_what_is_read_differently_is_told_with_numbers():
    assert changes(["a", "b", "01"]) == ()
    assert changes(["a", None, "", " ", "NaN", "nan "]) == (
        "5 labels are unknown: 3 empty, 1 'NaN', 1 'nan'",
    )
    assert changes(["a", "a ", " b", "\tc", "d ", "d "]) == (
        "blanks are taken off 5 labels: '\\tc' is 'c', ' b' is 'b', 'a ' is 'a' and 1 more",
    )
