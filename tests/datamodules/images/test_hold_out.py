from pathlib import Path

import pytest

from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.index import LabelledFiles
from manyviews.errors import ConfigError


def listed(count, classes=("cat", "dog")):
    paths = [Path(f"/data/{i:04}.png") for i in range(count)]
    return LabelledFiles(paths, [classes[i % len(classes)] for i in range(count)])


def test_the_held_out_share_is_the_same_of_every_class_wherever_the_folder_lies():
    train, test = hold_out(listed(100), 0.1, Path("/data"))
    assert [test.classes.count(c) for c in ("cat", "dog")] == [5, 5]
    assert len(train.paths) == 90 and not set(train.paths) & set(test.paths)
    moved = LabelledFiles([Path("/else") / p.name for p in reversed(listed(100).paths)],
                   listed(100).classes[::-1])  # fmt: skip
    assert {p.name for p in hold_out(moved, 0.1, Path("/else"))[1].paths} == {
        p.name for p in test.paths
    }


def test_more_files_do_not_move_the_old_ones_into_training():
    before = set(hold_out(listed(200), 0.1, Path("/data"))[1].paths)
    after = set(hold_out(listed(220), 0.1, Path("/data"))[1].paths)
    assert len(before - after) <= 3


def test_a_class_of_one_stays_in_training():
    train, _ = hold_out(listed(21, classes=("cat",) * 20 + ("dog",)), 0.1, Path("/data"))
    assert "dog" in train.classes


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_share_outside_its_range_is_one_line(share):
    with pytest.raises(ConfigError, match=rf"data.test={share}; allowed: above 0, up to 0.5"):
        hold_out(listed(10), share, Path("/data"))


def test_mistakes_in_the_validation_split_name_its_key():
    line = "data.val=0.6; allowed: above 0, up to 0.5, or names of groups, or null"
    with pytest.raises(ConfigError, match=line):
        hold_out(listed(10), 0.6, Path("/data"), "data.val")
    with pytest.raises(ConfigError, match="1 image is too few.*, or type data.val=null"):
        hold_out(grouped(["a"]), 0.1, Path("/data"), "data.val")
    with pytest.raises(ConfigError, match="no group can be held out.*; type data.val=null, or dat"):
        hold_out(grouped(["a"] * 10), 0.1, Path("/data"), "data.val")


def grouped(groups, classes=("cat", "dog")):
    count = len(groups)
    paths = [Path(f"/data/{i:04}.png") for i in range(count)]
    return LabelledFiles(paths, [classes[i % len(classes)] for i in range(count)], [*groups])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_group_lies_in_one_split_only(share):
    files = grouped([f"p{i // 6}" for i in range(180)])
    train, test = hold_out(files, share, Path("/data"))
    assert not {*(train.groups or [])} & {*(test.groups or [])}
    assert len(test.paths) == pytest.approx(180 * share, abs=6)
    assert {*train.classes} == {*test.classes} == {"cat", "dog"}


def test_a_large_group_is_not_held_out_for_a_small_share():
    files = grouped(["large"] * 60 + [f"p{i // 2}" for i in range(40)])
    train, test = hold_out(files, 0.1, Path("/data"))
    assert "large" in (train.groups or []) and 8 <= len(test.paths) <= 12


def test_groups_larger_than_the_share_still_give_a_test_split():
    train, test = hold_out(grouped(["a"] * 30 + ["b"] * 20), 0.1, Path("/data"))
    assert {*(test.groups or [])} == {"b"} and {*(train.groups or [])} == {"a"}


def test_files_without_a_group_are_each_their_own():
    train, test = hold_out(grouped([None] * 40), 0.1, Path("/data"))
    plain = hold_out(listed(40), 0.1, Path("/data"))
    assert (train.paths, test.paths) == (plain[0].paths, plain[1].paths)


@pytest.mark.parametrize(
    ("groups", "line"),
    [
        (["a"] * 10, "10 images in 1 groups: no group can be held out.*data.group=null"),
        # each group is a class
        (["a", "b"] * 5, "10 images in 2 groups: no group can be held out"),
        (["a"], "1 image is too few to hold any out; a class needs 2 images or more"),
        (["a", "b"], "2 images are too few to hold any out"),
    ],
)
def test_nothing_that_can_be_held_out_is_one_line(groups, line):
    with pytest.raises(ConfigError, match=line):
        hold_out(grouped(groups), 0.1, Path("/data"))
