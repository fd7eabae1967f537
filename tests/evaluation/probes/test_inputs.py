import numpy as np
import pytest
import small_data
import torch
from pictures import write_folder
from PIL import Image
from probes import protocol, subject
from torchvision import transforms

from manyviews.datamodules.images.custom import folder
from manyviews.datamodules.images.datamodule import ImageData, denormalise
from manyviews.datamodules.preprocessing import Preprocessing
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.errors import ConfigError
from manyviews.evaluation.probes.inputs import inputs

ROWS = torch.tensor([3, 5, 8, 9])


def files(tmp_path, channels=3):
    root = write_folder(tmp_path / "photos", 24, channels=channels, shape=lambda i: (20 + i, 26))
    splits = folder(str(root), size=14, workers=0)
    return ImageData(
        splits, Views(large=View(2, {"crop": Crop(8, [1, 1], [1, 1])})), batch_size=4, seed=0
    )


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_clean_files_are_resized_and_cut_at_the_centre_as_the_papers_do(name, tmp_path):
    data = inputs(files(tmp_path), ROWS, 4, 0, name)
    (sample,) = data.clean("test")
    as_published = transforms.Compose(
        [transforms.Resize(16, transforms.InterpolationMode(name)), transforms.CenterCrop(14)]
    )
    for view, path in zip(sample.input, data.splits.test.paths, strict=True):
        expected = np.asarray(as_published(Image.open(path))).transpose(2, 0, 1)
        assert np.array_equal(denormalise(view[None], data.mean, data.std)[0], expected)


def test_images_in_memory_stay_whole_and_are_the_ones_that_features_are_made_of():
    one = subject().network.data
    made = inputs(one, ROWS, 4, 0, "bilinear")
    for ours, theirs in zip(made.clean("test"), one.clean("test"), strict=True):
        assert torch.equal(ours.input, theirs.input)


def test_the_training_view_is_a_random_crop_and_a_flip_of_the_rows_alone(tmp_path):
    data = inputs(files(tmp_path), ROWS, 2, 7, "bilinear")
    (view,) = data.views
    crop, flip = view.operations.values()
    assert (crop.scale, crop.ratio) == ([0.08, 1.0], [3 / 4, 4 / 3])
    assert crop.interpolation == "bilinear" and flip.probability == 0.5
    seen = [data.make_batch(sample, 1) for sample in data.loader()]
    assert sorted(torch.cat([batch.position for batch in seen]).tolist()) == ROWS.tolist()
    assert {tuple(v.shape[1:]) for batch in seen for v in batch.views} == {(3, 14, 14)}
    for batch in seen:
        assert torch.equal(batch.label, data.splits.train.label[batch.position])


def test_a_backbone_that_expects_other_inputs_is_trained_on_those(tmp_path):
    data = files(tmp_path, channels=1)
    assert data.splits.channels == 1
    data.preprocessing = Preprocessing((10, 10), (0.5,) * 3, (0.2,) * 3, grey_as_colour=True)
    made = inputs(data, ROWS, 4, 0, "bilinear")
    (sample,) = made.loader()
    (view,) = made.make_batch(sample, 0).views
    assert view.shape == (4, 3, 10, 10) and torch.equal(view[:, 0], view[:, 2])
    (clean,) = made.clean("test")
    assert clean.input.shape[1:] == (3, 10, 10)


def test_a_single_item_is_too_few():
    one = subject(splits=small_data.stripes(8, 12))
    one = one._replace(train=one.train.rows(torch.tensor([3])))
    with pytest.raises(ConfigError, match="1 labelled training items are too few to train on"):
        protocol("linear_swav").fit(one)
