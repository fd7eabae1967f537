import pytest

from manyviews.datamodules.images.split_names import Chosen, choose
from manyviews.errors import ConfigError

NAMES = {
    ("train",): Chosen("train", None),
    ("train", "test"): Chosen("train", "test"),
    ("train", "val"): Chosen("train", "val"),
    ("Train", "Val", "Test"): Chosen("Train", "Test", "Val"),
    ("training", "dev", "eval"): Chosen("training", "eval", "dev"),
    ("train", "valid", "validation"): Chosen("train", "valid", None, ("validation",)),
    ("train", "test", "evaluation", "valid", "val"): Chosen(
        "train", "test", "val", ("evaluation", "valid")
    ),
}


@pytest.mark.parametrize("names", NAMES)
def test_names_are_taken_for_the_splits_that_they_mean(names):
    assert choose([*names], "photos") == NAMES[names]


def test_a_validation_split_that_is_the_only_one_beside_train_is_the_test_split_and_says_so():
    assert choose(["train", "val"], "photos").notes == [
        "there is no test split: 'val' is read as it, so choose nothing on it"
    ]
    assert choose(["train", "val", "test"], "photos").notes == []


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["test", "val"], "photos has 'test', 'val' but no training split"),
        (["train", "training"], "photos: 'train', 'training' mean the same split"),
        (["train", "Test", "test"], "photos: 'Test', 'test' mean the same split"),
        (["train", "test", "VAL", "val"], "photos: 'VAL', 'val' mean the same split"),
    ],
)
def test_names_that_are_not_clear_are_one_line(names, line):
    with pytest.raises(ConfigError, match=line):
        choose(names, "photos")
