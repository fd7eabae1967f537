import numpy as np
import pytest
import torch
from pictures import noise, write_folder
from PIL import Image
from small_data import stripes

from manyviews.datamodules.images.custom import eurosat, flowers, folder, imagenet, pets, table
from manyviews.datamodules.images.datamodule import Images
from manyviews.datamodules.images.files import ImageFiles
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


def test_imagenet_is_read_from_its_folders_with_its_own_statistics(tmp_path):
    for split, seed in (("train", 0), ("val", 1)):
        for kind in ("n01440764", "n01443537"):
            (tmp_path / split / kind).mkdir(parents=True)
            noise(40, 50, seed).save(tmp_path / split / kind / "a.JPEG")
    made = imagenet(str(tmp_path), size=32)
    assert made.classes == ("n01440764", "n01443537")
    assert made.mean == (0.485, 0.456, 0.406)
    assert made.train.sample(torch.tensor([0])).input.shape == (1, 3, 32, 32)


def test_imagenet_elsewhere_says_what_to_put_there(tmp_path):
    with pytest.raises(ConfigError, match="no complete ImageNet; type data.root=FOLDER where"):
        imagenet(str(tmp_path))


def test_eurosat_holds_a_fifth_of_every_class_out(tmp_path):
    for kind in ("Forest", "River"):
        (tmp_path / "eurosat" / "2750" / kind).mkdir(parents=True)
        for i in range(10):
            noise(64, 64, i).save(tmp_path / "eurosat" / "2750" / kind / f"{kind}_{i}.jpg")
    made = eurosat(str(tmp_path), download=False)
    assert made.train.label.bincount().tolist() == [8, 8]
    assert made.test.label.bincount().tolist() == [2, 2]
    assert made.train.image.shape == (16, 3, 64, 64)


def test_pets_have_their_two_splits(tmp_path):
    root = tmp_path / "oxford-iiit-pet"
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for split, names in (
        ("trainval", ["Abyssinian_1", "beagle_1"]),
        ("test", ["beagle_2", "Abyssinian_2"]),
    ):
        lines = [f"{n} {1 + n.startswith('beagle')} 1 1\n" for n in names]
        (root / "annotations" / f"{split}.txt").write_text("".join(lines))
        for name in names:
            noise(30, 40).save(root / "images" / f"{name}.jpg")
    made = pets(str(tmp_path), download=False, size=24)
    assert made.classes == ("Abyssinian", "Beagle")
    assert made.train.label.tolist() == [0, 1] and made.test.label.tolist() == [1, 0]


def test_flowers_train_on_train_and_val(tmp_path, monkeypatch):
    from scipy.io import savemat
    from torchvision.datasets import Flowers102

    root = tmp_path / "flowers-102"
    (root / "jpg").mkdir(parents=True)
    for i in range(1, 9):
        noise(30, 40, i).save(root / "jpg" / f"image_{i:05}.jpg")
    savemat(root / "imagelabels.mat", {"labels": np.array([1, 2] * 4)})
    savemat(root / "setid.mat", {"trnid": [1, 2], "valid": [3, 4], "tstid": [5, 6, 7, 8]})
    monkeypatch.setattr(Flowers102, "_check_integrity", lambda self: True)
    made = flowers(str(tmp_path), download=False, size=24)
    assert [len(made.train.label), len(made.test.label)] == [4, 4]
    names = [made.classes[label] for label in made.train.label]
    assert names == ["pink primrose", "hard-leaved pocket orchid"] * 2


@pytest.mark.parametrize("source", [flowers, pets, eurosat])
def test_a_missing_root_says_what_to_put_there(source, tmp_path):
    with pytest.raises(ConfigError, match=r"no complete .*data.root=FOLDER where.*lies"):
        source(str(tmp_path), download=False)


def test_an_image_of_twenty_thousand_pixels_is_read(tmp_path):
    write_folder(tmp_path)
    Image.new("RGB", (20_000, 20), "red").save(tmp_path / "across" / "wide.png")
    made = folder(str(tmp_path), size=16)
    wide = made.train if any(p.name == "wide.png" for p in made.train.paths) else made.test
    row = next(i for i, p in enumerate(wide.paths) if p.name == "wide.png")
    assert wide.sample(torch.tensor([row])).input[0, :, 8, 8].tolist() == [255, 0, 0]
