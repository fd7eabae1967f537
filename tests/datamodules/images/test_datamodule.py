import pytest
import torch
from pictures import write_folder
from small_data import stripes

from manyviews.batch import Sample
from manyviews.datamodules.images.custom import folder
from manyviews.datamodules.images.datamodule import ImageData, denormalise, normalise, raw_pixels
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views


def test_denormalising_gives_the_bytes_back():
    image = torch.randint(0, 256, (3, 2, 5, 5), dtype=torch.uint8)
    mean, std = (0.1, 0.6), (0.3, 0.2)
    view = normalise(image, mean, std)
    assert torch.equal(torch.from_numpy(denormalise(view, mean, std)), image)


def test_raw_pixels_are_from_0_to_1_and_large_images_averaged():
    image = torch.randint(0, 256, (5, 1, 64, 20), dtype=torch.uint8)
    samples = [Sample(image[r], r, r) for r in torch.arange(5).split(2)]
    found = raw_pixels(samples, (64, 20))
    pairs = image.view(5, 32, 2, 20).float().mean(2) / 255
    torch.testing.assert_close(found, pairs.flatten(1))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_image_of_each_split_knows_its_group(split, tmp_path):
    write_folder(tmp_path, count=24)
    for path in sorted(tmp_path.rglob("*.png")):
        path.rename(path.with_name(f"p{int(path.stem) // 4}_{path.name}"))
    splits = folder(str(tmp_path), group=r"/(p\d)_", test=0.2, val=["p1"])
    views = Views(flip=View(2, {"flip": Flip(0.5)}))
    made = ImageData(splits, views, batch_size=2, seed=0)
    found = made.groups(split)
    assert found is not None
    group, names = found
    assert names == splits.groups and torch.equal(group, made.rows_of(split).group)
    rows = made.probed(split)
    assert torch.equal(torch.cat([s.group for s in made.clean(split, rows)]), group[rows])
    assert len(made.controls()["raw"](split)) == len(rows)


def test_images_without_groups_have_none():
    made = ImageData(stripes(), Views(flip=View(2, {"flip": Flip(0.5)})), batch_size=2, seed=0)
    assert made.groups("test") is None
