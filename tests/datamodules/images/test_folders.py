import os

import pytest

from manyviews.datamodules.images.folders import index_of_folder, leftovers
from manyviews.errors import ConfigError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root, labels="folders", share=0.5, empty=False, group=None):
    return index_of_folder(root, labels, share, empty=empty, group=group)[:2]


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


def test_a_name_that_is_no_text_is_listed(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    open(path, "w").close()
    touch(tmp_path, "b.png")
    assert len(found(tmp_path)[0].paths) == 1


def test_what_lies_beside_the_images_is_told(tmp_path):
    touch(tmp_path, "train/cat/a.png", "train/dog/a.png", "test/cat/b.png", "train/cat/notes.txt")
    touch(tmp_path, "eval/cat/c.png", "lost.jpg", "train/.hidden.txt")
    (tmp_path / "train" / "void").mkdir()
    (tmp_path / "train" / "cat" / "inner").mkdir()
    train, test = found(tmp_path, empty=True)
    not_images, outside, empty = leftovers(tmp_path, [*train.paths, *test.paths])
    assert not_images == [tmp_path / "train/cat/notes.txt"]
    assert outside == [tmp_path / "eval/cat/c.png", tmp_path / "lost.jpg"]
    assert empty == [tmp_path / "train/void"]


def test_a_folder_of_images_alone_has_nothing_leftovers(tmp_path):
    touch(tmp_path, *(f"{i}.png" for i in range(4)))
    train, test = found(tmp_path)
    assert leftovers(tmp_path, [*train.paths, *test.paths]) == ([], [], [])


def index(root, labels="folders", share=0.5, empty=False, group=None):
    return index_of_folder(root, labels, share, empty=empty, group=group)


SPLITS = [
    ("train", "test"), ("training", "testing"), ("Train", "Test"), ("TRAIN", "valid"),
    ("train", "validation"), ("train", "dev"), ("train", "val"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "test"), SPLITS)
def test_folders_that_look_like_splits_are_no_classes(train, test, tmp_path):
    touch(tmp_path, f"{train}/cat/a.png", f"{train}/dog/b.png", f"{test}/cat/c.png")
    touch(tmp_path, f"{test}/dog/d.png")
    made = index(tmp_path)
    assert names(tmp_path / train, made.train) == {"cat/a.png": "cat", "dog/b.png": "dog"}
    assert names(tmp_path / test, made.test) == {"cat/c.png": "cat", "dog/d.png": "dog"}
    stands_in = "" if "test" in test.lower() else f"'{test}' is read as it"
    assert made.val is None and stands_in in "".join(made.notes)
    assert len(made.notes) == bool(stands_in)


def test_a_folder_train_alone_keeps_its_classes_and_a_share_is_held_out(tmp_path):
    touch(tmp_path, *(f"train/{c}/{i}.png" for c in ("cat", "dog") for i in range(4)))
    made = index(tmp_path)
    assert {*made.train.classes} == {*made.test.classes} == {"cat", "dog"}
    assert made.notes == ("no test split is given: 4 of 8 images are held out (data.test=0.5)",)


def test_train_test_and_val_are_three_splits(tmp_path):
    touch(tmp_path, *(f"train/{c}/{i}.png" for c in ("cat", "dog") for i in range(2)))
    touch(tmp_path, "test/cat/a.png", "test/dog/b.png", "val/dog/c.png", "val/x.png", "lost.png")
    made = index(tmp_path)
    assert names(tmp_path / "val", made.val) == {"dog/c.png": "dog", "x.png": None}
    assert len(made.train.paths) == 4 and len(made.test.paths) == 2 and len(made.paths) == 8
    assert made.notes == ("not read: 1 images outside 'train', 'test', 'val'",)


def test_what_a_fourth_split_holds_is_counted(tmp_path):
    touch(tmp_path, "train/a.png", "test/b.png", "val/c.png", "dev/d.png", "dev/e.png", "lost.png")
    assert index(tmp_path).notes == (
        "not read: 3 images outside 'train', 'test', 'val', those in 'dev' too",
    )


def test_a_validation_folder_decides_nothing_about_the_other_two(tmp_path):
    touch(tmp_path, "train/images/a.png", "test/images/b.png", "val/cat/c.png")
    made = index(tmp_path)
    assert made.train.classes == made.test.classes == made.val.classes == [None]
    touch(tmp_path, "train/more/d.png")
    (tmp_path / "val" / "empty").mkdir()
    assert index(tmp_path).val.classes == ["cat"]


def test_a_validation_folder_without_an_image_is_no_split_and_is_told(tmp_path):
    touch(tmp_path, "train/a.png", "test/b.png")
    (tmp_path / "val").mkdir()
    made = index(tmp_path)
    assert made.val is None
    assert made.notes == ("'val' holds no image: there is no validation split",)


UNCLEAR = {
    "'train' in it look like splits, 'bus', 'car' do not; .*data.classes=top": (
        "train/a.png", "bus/b.png", "car/c.png"
    ),
    "has 'test' but no training split": ("test/cat/a.png", "test/dog/b.png"),
    "'Train', 'train' mean the same split": ("Train/a.png", "train/b.png", "test/c.png"),
    "'test', 'train' in 'photos' look like splits; type data.path='.*/photos'": (
        "photos/train/a.png", "photos/test/b.png", "photos/masks/a.png"
    ),
    r"in 'cat' look like splits; put the classes into the splits \(test/cat\)": (
        "cat/train/a.png", "cat/test/b.png", "dog/train/c.png", "dog/test/d.png"
    ),
}  # fmt: skip


@pytest.mark.parametrize("line", UNCLEAR)
def test_folders_of_which_it_is_not_clear_whether_they_are_splits_stop(line, tmp_path):
    touch(tmp_path, *UNCLEAR[line])
    with pytest.raises(ConfigError, match=line):
        index(tmp_path)


def test_a_class_may_be_called_train_if_that_is_said(tmp_path):
    touch(tmp_path, *(f"{c}/{i}.png" for c in ("train", "bus") for i in range(2)))
    assert {*index(tmp_path, "top").train.classes} == {"train", "bus"}


def test_folders_without_images_make_no_splits_unclear(tmp_path):
    touch(tmp_path, "train/a.png", "test/b.png", "annotations/a.xml", "docs/readme.md")
    assert index(tmp_path).notes == ("not read: 1 .md, 1 .xml",)


def test_what_is_not_read_is_counted_by_ending(tmp_path):
    touch(
        tmp_path, *(f"{i}.HEIC" for i in range(50)), *(f"{i}.png" for i in range(12)), "raw", "x."
    )
    touch(tmp_path, "b.heic")
    os.mkfifo(tmp_path / "pipe")
    assert index(tmp_path).notes[0] == "not read: 51 .heic, 2 without ending, 1 named pipe"


def test_a_folder_of_other_formats_alone_names_them(tmp_path):
    touch(tmp_path, "a.heic", "b.heic")
    with pytest.raises(ConfigError, match=r"holds no image .* but 2 .heic, which Pillow does not"):
        index(tmp_path)
    touch(tmp_path, "cat/a.png", "dog/a.dng")
    with pytest.raises(ConfigError, match=r"hold no image, '.*/dog' first but 1 .dng"):
        index(tmp_path)


@pytest.mark.parametrize("ending", [".mpo", ".JPG", ".tiff", ".webp", ".avif", ".jp2", ".qoi"])
def test_the_endings_of_formats_that_pillow_reads_are_images(ending, tmp_path):
    touch(tmp_path, f"a{ending}", f"b{ending}")
    assert len(index(tmp_path).paths) == 2


def test_a_class_folder_that_is_no_utf_8_has_a_name_that_can_be_written(tmp_path):
    for name in (b"caf\xe9", b"caf\xe8", b"tea "):
        folder = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(folder)
        for i in range(2):
            open(os.path.join(folder, b"%d.png" % i), "w").close()
    made = index(tmp_path)
    assert {*made.train.classes} == {"caf\\xe9", "caf\\xe8", "tea"}
    assert "the folder 'tea ' is class 'tea'" in made.notes
    "".join(made.notes).encode()


def test_groups_come_from_the_first_bracket_of_the_pattern(tmp_path):
    touch(tmp_path, *(f"{c}/{p}_{i}.png" for c in "ab" for p in ("ann", "bob", "cy") for i in "01"))
    touch(tmp_path, "a/nobody.png")
    made = index(tmp_path, group=r"(\w+)_\d+", share=0.3)
    train, test = ({*(part.groups or [])} for part in (made.train, made.test))
    assert train | test == {"ann", "bob", "cy", None} and not (train & test) - {None}


def test_groups_of_given_splits_are_read_from_the_whole_path(tmp_path):
    touch(tmp_path, "train/p1/a.png", "train/p2/b.png", "test/p2/c.png", "test/p3/d.png")
    made = index(tmp_path, "none", group=r"/(p\d)/")
    assert (made.train.groups, made.test.groups) == (["p1", "p2"], ["p2", "p3"])
    touch(tmp_path, "val/p4/e.png", "val/f.png")
    assert index(tmp_path, "none", group=r"/(p\d)/").val.groups == [None, "p4"]


@pytest.mark.parametrize(
    ("group", "line"),
    [
        ("(", "is no regular expression"),
        (r"\w+_", "has no bracket around the name of the group"),
        (r"(\d+)_", "fits no file, e.g. not 'a.png'"),
    ],
)
def test_a_pattern_without_sense_is_one_line(group, line, tmp_path):
    touch(tmp_path, "a.png", "b.png")
    with pytest.raises(ConfigError, match=line):
        index(tmp_path, group=group)


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    touch(tmp_path, "cat/a.png")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(ConfigError, match=r"cannot be read \(Permission denied\)"):
        index(tmp_path)


def test_a_test_split_of_one_class_keeps_it(tmp_path):
    touch(tmp_path, "train/cat/a.png", "train/dog/b.png", "test/cat/c.png")
    assert index(tmp_path).test.classes == ["cat"]


def test_the_only_class_folder_is_told(tmp_path):
    touch(tmp_path, "train/images/a.png", "test/images/b.png")
    made = index(tmp_path)
    assert made.train.classes == made.test.classes == [None]
    assert made.notes == ("the only class folder is 'images': no image has a class",)
