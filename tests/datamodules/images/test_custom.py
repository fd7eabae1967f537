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
