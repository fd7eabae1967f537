from types import SimpleNamespace

from small_data import stripes
from small_series import waves

from manyviews.datamodules.named_splits import named_splits


def test_there_are_two_splits_unless_there_is_one_for_validation():
    assert list(named_splits(stripes())) == ["train", "test"]
    assert list(named_splits(waves(val=["person 0"]))) == ["train", "test", "val"]


def test_a_data_set_of_another_package_need_not_know_of_validation():
    assert named_splits(SimpleNamespace(train=1, test=2)) == {"train": 1, "test": 2}
