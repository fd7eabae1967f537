import os
from pathlib import Path

import pytest

from manyviews.datamodules.images.index import (
    LabelledFiles,
    hold_out,
    leftovers,
    splits_of_folder,
    splits_of_table,
)
from manyviews.errors import ConfigError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root, labels="folders", share=0.5, empty=False):
    return splits_of_folder(root, labels, share, empty=empty)


def names(root, listed):
    paths = [str(path.relative_to(root)) for path in listed.paths]
    return dict(zip(paths, listed.classes, strict=True))


def test_the_first_folder_is_the_class_at_any_depth(tmp_path):
    touch(tmp_path, "train/cat/a.png", "train/cat/2024/01/b.JPG", "train/dog/c.webp")
    touch(tmp_path, "val/dog/d.png", "val/cat/e.png", "train/notes.txt", "train/cat/.hidden.png")
    train, test = found(tmp_path)
    assert names(tmp_path / "train", train) == {
        "cat/2024/01/b.JPG": "cat",
        "cat/a.png": "cat",
        "dog/c.webp": "dog",
    }
    assert set(test.classes) == {"cat", "dog"}


def test_files_beside_class_folders_have_no_class(tmp_path):
    touch(tmp_path, "train/cat/a.png", "train/dog/b.png", "train/c.png", "test/cat/d.png")
    touch(tmp_path, "test/dog/e.png")
    assert names(tmp_path / "train", found(tmp_path)[0])["c.png"] is None


@pytest.mark.parametrize(
    ("files", "labels"),
    [(["a.png", "b.png"], "folders"), (["x/a.png", "x/b.png"], "folders"),
     (["x/a.png", "y/b.png"], "none")],
)  # fmt: skip
def test_without_two_class_folders_nothing_has_a_class(files, labels, tmp_path):
    touch(tmp_path, *files)
    assert {c for part in found(tmp_path, labels) for c in part.classes} == {None}


def test_links_are_followed_but_in_no_circle(tmp_path):
    touch(tmp_path, "data/cat/a.png", "data/dog/b.png", "elsewhere/c.png")
    (tmp_path / "data/dog/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/cat/up").symlink_to(tmp_path / "data")
    train, test = found(tmp_path / "data")
    everything = names(tmp_path / "data", train) | names(tmp_path / "data", test)
    assert everything["dog/more/c.png"] == "dog"
    assert len(everything) == 3


def test_an_empty_class_folder_is_refused_or_left_out(tmp_path):
    touch(tmp_path, "cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png", "eel/notes.txt")
    with pytest.raises(ConfigError, match=r"1 of 3 class folders hold no image, '.*eel' first"):
        found(tmp_path)
    assert {c for part in found(tmp_path, empty=True) for c in part.classes} == {"cat", "dog"}


@pytest.mark.parametrize(
    ("make", "line"),
    [(lambda p: None, "is not a folder"), (lambda p: p.mkdir(), "holds no image")],
)
def test_no_folder_and_no_image_are_one_line(make, line, tmp_path):
    make(tmp_path / "a\nb")
    with pytest.raises(ConfigError, match=line) as error:
        found(tmp_path / "a\nb")
    assert "\n" not in str(error.value)


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


def table(tmp_path, text, **columns):
    (tmp_path / "t.csv").write_text(text)
    columns = {"file": "file", "label": "label", "split": "split", **columns}
    return splits_of_table(tmp_path / "t.csv", tmp_path, 0.5, **columns)


def test_a_table_names_files_classes_and_splits(tmp_path):
    train, test = table(tmp_path, 'file,label,split\na.png,cat,train\n"b,1.png",,test\n')
    assert names(tmp_path, train) == {"a.png": "cat"}
    assert names(tmp_path, test) == {"b,1.png": None}


def test_a_table_without_splits_holds_some_out_and_without_labels_has_none(tmp_path):
    train, test = table(tmp_path, "\ufeffpath\na.png\nb.png\n", file="path")
    assert len(train.paths) == len(test.paths) == 1
    assert train.classes == [None]


BAD_TABLES = {
    "unknown column of .*t.csv 'file': allowed: image, kind": "image,kind\na.png,cat\n",
    "unknown column of .*did you mean 'files'": "files,label\na.png,cat\n",
    "has a header but no rows": "file,label\n",
    "row 3 does not fit the columns file, label": "file,label\na.png,cat\nb.png,cat,dog\n",
    "row 2: split='dev'; allowed: train, test": "file,label,split\na.png,cat,dev\n",
    "cannot be read as a CSV": "file,label\n\x00\xff",
}


@pytest.mark.parametrize("line", BAD_TABLES)
def test_a_wrong_table_says_what_is_wrong(line, tmp_path):
    if "\x00" in BAD_TABLES[line]:
        (tmp_path / "t.csv").write_bytes(b"file,label\n\xff\xfe\n")
        with pytest.raises(ConfigError, match=line):
            splits_of_table(
                tmp_path / "t.csv", tmp_path, 0.5, file="file", label="label", split="split"
            )
    else:
        with pytest.raises(ConfigError, match=line):
            table(tmp_path, BAD_TABLES[line])


def test_a_name_that_is_no_text_is_listed(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    open(path, "w").close()
    touch(tmp_path, "b.png")
    assert len(found(tmp_path)[0].paths) == 1


def test_what_lies_beside_the_images_is_told(tmp_path):
    touch(tmp_path, "train/cat/a.png", "train/dog/a.png", "test/cat/b.png", "train/cat/notes.txt")
    touch(tmp_path, "val/cat/c.png", "lost.jpg", "train/.hidden.txt")
    (tmp_path / "train" / "void").mkdir()
    (tmp_path / "train" / "cat" / "inner").mkdir()
    train, test = found(tmp_path, empty=True)
    not_images, outside, empty = leftovers(tmp_path, [*train.paths, *test.paths])
    assert not_images == [tmp_path / "train/cat/notes.txt"]
    assert outside == [tmp_path / "lost.jpg", tmp_path / "val/cat/c.png"]
    assert empty == [tmp_path / "train/void"]


def test_a_folder_of_images_alone_has_nothing_leftovers(tmp_path):
    touch(tmp_path, *(f"{i}.png" for i in range(4)))
    train, test = found(tmp_path)
    assert leftovers(tmp_path, [*train.paths, *test.paths]) == ([], [], [])
