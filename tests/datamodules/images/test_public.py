import gzip
import pickle
import struct

import numpy as np
import pytest
import torch
from pictures import noise
from PIL import Image

from manyviews.datamodules.embedded import make_fashion_mnist_mini as maker
from manyviews.datamodules.images.public import (
    cifar10,
    cifar100,
    eurosat,
    fashion_mnist,
    fashion_mnist_mini,
    flowers,
    imagenet,
    pets,
    pixel_statistics,
    stl10,
)
from manyviews.datamodules.images.torchvision_sets import IDX_STEMS
from manyviews.errors import ConfigError


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes()))


@pytest.fixture
def idx_folder(tmp_path):
    """Small idx files: 30 + 20 images, each filled with its position."""
    for stem, count in zip(IDX_STEMS, (30, 30, 20, 20), strict=True):
        values = np.arange(count, dtype=np.uint8)
        image = np.broadcast_to(values[:, None, None], (count, 28, 28))
        write_idx(tmp_path / f"{stem}-ubyte.gz", image.copy() if "images" in stem else values % 10)
    return tmp_path


def test_embedded_set_is_balanced_and_its_statistics_are_those_of_its_source():
    splits = fashion_mnist_mini()
    assert splits.train.image.shape == (10_000, 1, 28, 28)
    assert torch.equal(splits.train.label.bincount(), torch.full((10,), 1000))
    assert torch.equal(splits.test.label.bincount(), torch.full((10,), 200))
    pixels = splits.train.image.double() / 255
    assert float(pixels.mean()) == pytest.approx(splits.mean[0], abs=2e-3)
    assert float(pixels.std()) == pytest.approx(splits.std[0], abs=2e-3)


def test_fingerprint_changes_with_a_single_pixel():
    splits = fashion_mnist_mini()
    before = splits.fingerprint()["train"]
    splits.train.image[5, 0, 3, 3] += 1
    assert splits.fingerprint()["train"] != before


def test_idx_files_in_the_root_are_read(idx_folder):
    splits = fashion_mnist(str(idx_folder), download=False)
    assert splits.train.image[7].unique().tolist() == [7]
    assert splits.test.label.tolist() == [i % 10 for i in range(20)]


def test_maker_takes_the_first_of_every_class_in_the_order_of_the_files(idx_folder):
    label = fashion_mnist(str(idx_folder), download=False).train.label
    assert maker.first_of_each_class(label, 2).tolist() == list(range(20))


def test_maker_writes_the_same_bytes_again(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3)}
    for name in ("one.npz", "two.npz"):
        maker.write(tmp_path / name, arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert np.load(tmp_path / "one.npz")["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_truncated_idx_file_is_named(idx_folder):
    file = idx_folder / f"{IDX_STEMS[0]}-ubyte.gz"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ConfigError, match=r"train-images-idx3-ubyte.gz is not a complete idx file"):
        fashion_mnist(str(idx_folder), download=False)


def test_a_share_of_an_embedded_or_downloaded_set_is_for_validation(idx_folder):
    made = fashion_mnist(str(idx_folder), download=False, val=0.34)
    assert made.val is not None and made.val.label.bincount().tolist() == [1] * 10
    assert made.name == "fashion_mnist" and len(made.train.label) == 20
    assert fashion_mnist_mini(val=0.1).val.label.bincount().tolist() == [100] * 10


def test_labels_of_another_set_are_refused(idx_folder):
    write_idx(idx_folder / f"{IDX_STEMS[1]}-ubyte.gz", np.zeros(7, np.uint8))
    with pytest.raises(ConfigError, match="do not belong together"):
        fashion_mnist(str(idx_folder), download=False)


def test_what_the_root_held_is_told_as_it_was_before_the_download(tmp_path, monkeypatch):
    from torchvision.datasets import FashionMNIST

    def fails(self):
        (tmp_path / "FashionMNIST").mkdir()
        raise RuntimeError("no route to host")

    monkeypatch.setattr(FashionMNIST, "download", fails)
    with pytest.raises(ConfigError, match=r"holds nothing, no complete.*\(no route to host\)"):
        fashion_mnist(str(tmp_path))


@pytest.mark.parametrize("source", [fashion_mnist, cifar10, cifar100, stl10])
def test_missing_root_says_what_to_put_there(source, tmp_path):
    with pytest.raises(
        ConfigError, match="does not exist, no complete.*data.root=FOLDER where.*data.download=true"
    ):
        source(str(tmp_path / "nowhere"), download=False)


def test_root_with_other_files_says_what_it_holds(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ConfigError, match="holds holiday.jpg"):
        cifar10(str(tmp_path), download=False)


def test_cifar10_is_read_from_its_own_files(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        rows = np.full((4, 3072), 0, np.uint8)
        rows[:, :1024] = i + 1  # the red plane
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": [i % 10] * 4}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a"] * 10}))
    splits = cifar10(str(tmp_path), download=False)
    assert splits.train.image.shape == (20, 3, 32, 32)
    assert splits.train.image[4, :, 0, 0].tolist() == [2, 0, 0]
    assert splits.train.label.dtype == torch.int64


def test_cifar100_has_its_fine_classes(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR100

    monkeypatch.setattr(CIFAR100, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, count in (("train", 6), ("test", 3)):
        rows = {"data": np.zeros((count, 3072), np.uint8), "fine_labels": [7] * count}
        (folder / name).write_bytes(pickle.dumps(rows | {"coarse_labels": [1] * count}))
    names = [f"fine {i}" for i in range(100)]
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))
    splits = cifar100(str(tmp_path), download=False)
    assert splits.classes == tuple(names)
    assert splits.train.label.tolist() == [7] * 6 and splits.test.image.shape == (3, 3, 32, 32)


@pytest.mark.parametrize(("unlabelled", "labels"), [(True, [0, 1, -1, -1, -1]), (False, [0, 1])])
def test_stl10_trains_on_its_unlabelled_part_too(unlabelled, labels, tmp_path, monkeypatch):
    from torchvision.datasets import STL10

    monkeypatch.setattr(STL10, "_check_integrity", lambda self: True)
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 2), ("test", 2), ("unlabeled", 3)):
        rng.integers(0, 256, (count, 3, 96, 96), np.uint8).tofile(folder / f"{part}_X.bin")
        np.arange(1, count + 1, dtype=np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    splits = stl10(str(tmp_path), unlabelled=unlabelled, download=False)
    assert splits.train.label.tolist() == labels
    assert splits.classes == ("airplane", "bird")
    labelled = splits.train.image[:2].double() / 255
    assert splits.mean == pytest.approx(labelled.mean((0, 2, 3)).tolist())


def test_pixel_statistics_are_those_of_all_pixels():
    image = torch.randint(0, 256, (5, 2, 7, 3), dtype=torch.uint8)
    mean, std = pixel_statistics(image)
    value = image.double() / 255
    assert mean == pytest.approx(value.mean((0, 2, 3)).tolist())
    assert std == pytest.approx(value.std((0, 2, 3), correction=0).tolist())


def test_imagenet_is_read_from_its_folders_with_its_own_statistics(tmp_path):
    for split, seed in (("train", 0), ("val", 1)):
        for kind in ("n01440764", "n01443537"):
            (tmp_path / split / kind).mkdir(parents=True)
            noise(40, 50, seed).save(tmp_path / split / kind / "a.JPEG")
    made = imagenet(str(tmp_path), size=32)
    assert made.classes == ("n01440764", "n01443537")
    assert made.mean == (0.485, 0.456, 0.406)
    assert made.train.sample(torch.tensor([0])).input.shape == (1, 3, 32, 32)


def test_imagenet_elsewhere_says_what_to_put_there_and_no_key_that_it_lacks(tmp_path):
    line = "no complete ImageNet; type data.root=FOLDER where.*FOLDER/imagenet/train"
    with pytest.raises(ConfigError, match=line) as error:
        imagenet(str(tmp_path))
    assert "data.download" not in str(error.value)


@pytest.mark.parametrize("below", ["", "imagenet"])
def test_imagenet_may_share_its_root_and_its_unlabelled_test_images_are_not_read(below, tmp_path):
    for name in ("train/a/1", "train/b/1", "val/a/1", "val/b/1", "test/1", "cifar/x"):
        place = tmp_path / "cifar" if name[0] == "c" else tmp_path / below / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(place.with_suffix(".png"))
    made = imagenet(str(tmp_path), size=8)
    assert len(made.train.label) == len(made.test.label) == 2 and made.notes == ()


def test_eurosat_holds_a_fifth_of_every_class_out(tmp_path):
    for kind in ("Forest", "River"):
        (tmp_path / "eurosat" / "2750" / kind).mkdir(parents=True)
        for i in range(10):
            noise(64, 64, i).save(tmp_path / "eurosat" / "2750" / kind / f"{kind}_{i}.jpg")
    made = eurosat(str(tmp_path), download=False)
    assert made.train.label.bincount().tolist() == [8, 8]
    assert made.test.label.bincount().tolist() == [2, 2]
    assert made.train.image.shape == (16, 3, 64, 64)
    made = eurosat(str(tmp_path), download=False, val=0.25)
    assert made.train.label.bincount().tolist() == [6, 6]
    assert made.val.label.bincount().tolist() == made.test.label.bincount().tolist() == [2, 2]


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
