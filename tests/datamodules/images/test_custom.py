import os

import numpy as np
import pytest
import torch
from pictures import noise, write_folder
from PIL import Image
from small_data import stripes

from manyviews.datamodules.images.custom import folder, table
from manyviews.datamodules.images.files import ImageFiles
from manyviews.datamodules.images.splits import Images
from manyviews.errors import ConfigError


def test_small_images_of_one_size_lie_in_memory_as_they_are(tmp_path):
    made = folder(str(write_folder(tmp_path / "waves")))
    assert isinstance(made.train, Images) and isinstance(made.test, Images)
    assert (made.name, made.size, made.channels) == ("waves", (16, 16), 3)
    assert made.classes == ("across", "down")
    assert made.train.label.tolist() == [0] * 7 + [1] * 7
    held_in = {bytes(i.numpy().tobytes()) for i in made.train.image}
    assert len(held_in & {i.numpy().tobytes() for i in stripes(16, 16, 3).train.image}) == 14


def test_statistics_are_those_of_the_training_pixels(tmp_path):
    made = folder(str(write_folder(tmp_path)))
    pixels = made.train.image.double() / 255
    assert made.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert made.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-4)


def test_grey_images_have_one_channel_unless_three_are_asked_for(tmp_path):
    write_folder(tmp_path, channels=1)
    assert folder(str(tmp_path)).channels == 1
    assert folder(str(tmp_path), channels=3).train.image.shape[1] == 3


def test_images_of_several_sizes_stay_files_with_a_clean_square(tmp_path):
    made = folder(str(write_folder(tmp_path, shape=lambda i: (20 + i, 30))), size=24)
    assert isinstance(made.train, ImageFiles)
    assert made.size == (24, 24)
    assert made.train.sample(torch.tensor([3, 0])).input.shape == (2, 3, 24, 24)
    assert folder(str(tmp_path)).size == (224, 224)


def plant(root):
    """Three files that cannot be used beside sixteen that can."""
    write_folder(root)
    (root / "across" / "<b>bad\n.png").write_text("no image")
    (root / "down" / "link.png").symlink_to("nowhere")
    noise(1, 1).save(root / "down" / "dot.png")


def test_bad_files_stop_with_their_paths_and_reasons(tmp_path):
    plant(tmp_path)
    with pytest.raises(ConfigError) as error:
        folder(str(tmp_path))
    line = str(error.value)
    assert "3 of 19 images cannot be used" in line and "\n" not in line
    assert "bad\\n.png': not an image" in line and "link.png': broken link" in line
    assert "dot.png': 1 x 1 pixels" in line and "data.on_bad_sample=skip" in line


def test_skipped_files_are_named_and_the_rest_is_whole(tmp_path):
    plant(tmp_path)
    made = folder(str(tmp_path), on_bad_sample="skip")
    assert len(made.skipped) == 3
    assert len(made.train.label) + len(made.test.label) == 16


def test_nothing_usable_is_one_line_also_when_skipping(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.png").write_text("no image")
    with pytest.raises(ConfigError, match="none of the files of a split can be used"):
        folder(str(tmp_path), on_bad_sample="skip")


def test_a_class_of_the_test_split_alone_is_refused(tmp_path):
    for name in ("train/cat/a", "train/dog/a", "test/cat/a", "test/eel/a"):
        (tmp_path / name).parent.mkdir(parents=True)
        noise(8, 8).save(tmp_path / f"{name}.png")
    with pytest.raises(ConfigError, match="class 'eel' is in the test split only"):
        folder(str(tmp_path))


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    one, two = (folder(str(write_folder(tmp_path / name / "set", shape=lambda i: (20 + i, 30))))
                for name in "ab")  # fmt: skip
    assert one.fingerprint() == two.fingerprint()
    noise(9, 9).save(tmp_path / "b" / "set" / "across" / "000.png")
    changed = folder(str(tmp_path / "b" / "set"))
    assert changed.fingerprint() != one.fingerprint()


def test_a_table_reads_the_same_images(tmp_path):
    write_folder(tmp_path)
    paths = sorted(tmp_path.glob("*/*.png"))
    rows = [f"{p.relative_to(tmp_path)},{p.parent.name}\n" for p in paths]
    (tmp_path / "t.csv").write_text("file,label\n" + "".join(rows))
    by_table, by_folder = table(str(tmp_path / "t.csv")), folder(str(tmp_path))
    assert torch.equal(by_table.train.image, by_folder.train.image)
    assert torch.equal(by_table.test.label, by_folder.test.label)


def test_an_image_of_twenty_thousand_pixels_is_read(tmp_path):
    write_folder(tmp_path)
    Image.new("RGB", (20_000, 20), "red").save(tmp_path / "across" / "wide.png")
    made = folder(str(tmp_path), size=16)
    wide = made.train if any(p.name == "wide.png" for p in made.train.paths) else made.test
    row = next(i for i, p in enumerate(wide.paths) if p.name == "wide.png")
    assert wide.sample(torch.tensor([row])).input[0, :, 8, 8].tolist() == [255, 0, 0]


def test_a_pipe_in_a_folder_or_a_table_stops_with_its_name(tmp_path):
    write_folder(tmp_path)
    os.mkfifo(tmp_path / "across" / "pipe.png")
    (tmp_path / "t.csv").write_text("file\nacross/pipe.png\nacross/000.png\ndown/001.png\n")
    for make in (folder, table):
        path = tmp_path if make is folder else tmp_path / "t.csv"
        with pytest.raises(ConfigError, match="pipe.png': a named pipe, not a file"):
            make(str(path))
        made = make(str(path), on_bad_sample="skip")
        assert len(made.skipped) == 1


@pytest.mark.parametrize("sizes", ["same", "other"])
def test_twelve_bits_are_read_alike_in_memory_and_from_files(sizes, tmp_path):
    for i in range(6):
        side = 8 if sizes == "same" else 8 + i
        values = np.full((side, side), 100 * i, np.uint16)
        values[0, 0] = 4000
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    made = folder(str(tmp_path), size=8)
    assert "6 images of 16 bits: 0 to 4095 in the file is 0 to 255 here" in made.notes
    read = {int(i[0, 4, 4]) for p in (made.train, made.test)
            for i in p.sample(torch.arange(len(p.label))).input}  # fmt: skip
    assert read == {round(100 * i / 4095 * 255) for i in range(6)}


def test_colours_that_are_given_up_are_told(tmp_path):
    write_folder(tmp_path)
    assert (
        "16 colour images are read as grey (data.channels=1)"
        in folder(str(tmp_path), channels=1).notes
    )


@pytest.mark.parametrize("size", [None, 12])
def test_samples_carry_their_group_and_no_group_is_split(size, tmp_path):
    write_folder(tmp_path, count=24)
    for path in sorted(tmp_path.rglob("*.png")):
        path.rename(path.with_name(f"p{int(path.stem) // 4}_{path.name}"))
    plain, made = (folder(str(tmp_path), size=size, group=g, test=0.3) for g in (None, r"/(p\d)_"))
    assert made.groups == ("p0", "p1", "p2", "p3", "p4", "p5")
    assert not {*made.train.group.tolist()} & {*made.test.group.tolist()}
    rows = torch.tensor([3, 0])
    assert torch.equal(made.train.sample(rows).group, made.train.group[rows])
    assert next(made.test.samples([rows])).group.dtype == torch.int64
    assert made.fingerprint()["train"]["groups"] == len(made.train.group.unique())
    assert plain.train.group is None and plain.train.sample(rows).group is None
    assert "groups" not in str(plain.fingerprint())


def test_a_group_in_both_given_splits_is_told(tmp_path):
    for name in ("train/p1_0", "train/p2_0", "test/p1_1", "test/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise(8, 8).save(tmp_path / f"{name}.png")
    made = folder(str(tmp_path), group=r"(p\d)_")
    assert made.notes[-2:] == (
        "2 groups in training, 1 in the test split; 1 images without a group",
        "warning: 1 groups lie in both splits: 'p1'",
    )
    assert made.test.group.tolist() == [0, -1]


FEW = {"holds no image": 0, "1 image is too few to hold any out": 1}


@pytest.mark.parametrize("line", FEW)
def test_hardly_any_images_are_one_line(line, tmp_path):
    for i in range(FEW[line]):
        noise(8, 8, i).save(tmp_path / f"{i}.png")
    with pytest.raises(ConfigError, match=line):
        folder(str(tmp_path))


def test_one_image_of_each_class_is_one_line(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        noise(8, 8).save(tmp_path / name / "x.png")
    with pytest.raises(ConfigError, match="3 images are too few to hold any out; a class needs 2"):
        folder(str(tmp_path))


@pytest.mark.parametrize("size", [1, 3])
def test_a_clean_square_may_be_tiny(size, tmp_path):
    made = folder(str(write_folder(tmp_path)), size=size)
    assert made.train.sample(torch.tensor([0])).input.shape == (1, 3, size, size)


def test_three_folders_are_three_splits_and_train_alone_gives_the_statistics(tmp_path):
    for name, value in (("train/a/0", 10), ("train/b/0", 30), ("test/a/0", 200), ("val/b/0", 250)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), value).save(tmp_path / f"{name}.png")
    made = folder(str(tmp_path))
    assert made.val is not None and made.val.label.tolist() == [1]
    assert made.val.sample(torch.tensor([0])).input.unique().tolist() == [250]
    assert made.mean == pytest.approx([20 / 255], abs=1e-4)
    assert list(made.fingerprint()) == ["name", "channels", "size", "train", "test", "val"]
    assert made.fingerprint()["val"]["labels"] == {"1": 1}


def test_a_validation_split_changes_nothing_of_the_others(tmp_path):
    """Runs that were begun when it was not read go on."""
    for name in ("train/a/0", "train/b/0", "test/a/0"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        noise(8, 8).convert("L").save(tmp_path / f"{name}.png")
    before = folder(str(tmp_path)).fingerprint()
    (tmp_path / "val" / "eel").mkdir(parents=True)
    noise(30, 40).save(tmp_path / "val" / "eel" / "0.png")  # in colour, of another size and class
    made = folder(str(tmp_path))
    assert {**before, "val": made.fingerprint()["val"]} == made.fingerprint()
    assert made.val is not None and made.val.sample(torch.tensor([0])).input.shape == (1, 1, 8, 8)
    assert (
        "1 validation images count as unlabelled, because training lacks their classes: 'eel'"
        in (made.notes)
    )


def test_a_share_of_train_is_held_out_for_validation_after_the_test_split(tmp_path):
    write_folder(tmp_path, count=40)
    without, made = folder(str(tmp_path)), folder(str(tmp_path), val=0.25)
    assert made.test.fingerprint() == without.test.fingerprint()
    assert made.val.label.bincount().tolist() == [4, 4] or made.val.label.bincount().tolist() == [
        5,
        5,
    ]
    held = {i.numpy().tobytes() for part in (made.train, made.val) for i in part.image}
    assert held == {i.numpy().tobytes() for i in without.train.image}
    assert made.notes[-1] == "validation: 8 of 36 training images are held out (data.val=0.25)"
    pixels = made.train.image.double() / 255
    assert made.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-4)


def grouped(root, count=24):
    """A folder of images of 6 patients, p0 to p5."""
    write_folder(root, count=count)
    for path in sorted(root.rglob("*.png")):
        path.rename(path.with_name(f"p{int(path.stem) // 4}_{path.name}"))
    return str(root)


@pytest.mark.parametrize("val", [0.3, ["p1", "p4"]])
def test_groups_are_held_out_whole_for_validation(val, tmp_path):
    made = folder(grouped(tmp_path), group=r"/(p\d)_", test=0.2, val=val)
    groups = [{made.groups[g] for g in part.group.tolist()}
              for part in (made.train, made.test, made.val)]  # fmt: skip
    assert sum(map(len, groups)) == len(set().union(*groups)) == 6
    assert val == 0.3 or groups[2] == {"p1", "p4"}
    counts = "{} groups in training, {} in the test split, {} in the validation split"
    assert made.notes[-1] == counts.format(*map(len, groups))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"val": 0.0}, "data.val=0.0; allowed: above 0, up to 0.5"),
        ({"val": 1.0}, "data.val=1.0; allowed: above 0, up to 0.5"),
        ({"val": -0.1}, "data.val=-0.1; allowed: above 0, up to 0.5"),
        ({"val": float("nan")}, "data.val=nan; allowed: above 0"),
        (
            {"val": ["p1"], "group": None},
            r"data.val=\[p1\], but no training image has a group; typ",
        ),
        ({"val": ["q"]}, "there is no group 'q' in the training split; allowed: 'p0'"),
        ({"val": []}, r"data.val=\[\] leaves a split empty"),
        (
            {"val": [f"p{i}" for i in range(6)], "test": None},
            "there is no group|leaves a split empty",
        ),
    ],
)
def test_a_validation_split_without_sense_is_one_line(options, line, tmp_path):
    given = {"group": r"/(p\d)_", "test": 0.2, **options}
    given["test"] = given["test"] or 0.2
    with pytest.raises(ConfigError, match=line) as error:
        folder(grouped(tmp_path), **given)
    assert "\n" not in str(error.value)


def test_a_share_beside_a_validation_split_of_the_data_is_refused(tmp_path):
    for name in ("train/a", "train/b", "test/a", "val/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise(8, 8).save(tmp_path / f"{name}.png")
    line = r"data.val=0.1, and the data have a validation split of their own \(1 images\); leave"
    with pytest.raises(ConfigError, match=line):
        folder(str(tmp_path), val=0.1)


def test_the_validation_split_of_a_table_does_not_depend_on_its_place(tmp_path):
    found = []
    for place in ("one", "two/deeper"):
        root = write_folder(tmp_path / place, count=30)
        paths = sorted(root.glob("*/*.png"))
        rows = [f"{p.relative_to(root)},{p.parent.name}\n" for p in paths]
        (root / "t.csv").write_text("file,label\n" + "".join(rows))
        found.append(table(str(root / "t.csv"), val=0.2).fingerprint())
    assert found[0] == found[1] and found[0]["val"]["images"] > 0
