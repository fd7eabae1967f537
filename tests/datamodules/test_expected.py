import pytest
import small_data
import torch

from manyviews.datamodules.expected import resolved
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.preprocessing import Preprocessing, from_dict
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.errors import ConfigError

EXPECTED = Preprocessing((32, 32), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
NONE = dict.fromkeys(("size", "mean", "std", "interpolation", "crop", "grey_as_colour"))


def data(channels=3, size=16):
    return ImageData(
        small_data.stripes(size=size, channels=channels),
        Views(large=View(count=2, operations={})),
        batch_size=8,
        seed=0,
    )


def test_without_expectations_the_data_stay_as_they_are():
    assert resolved(None, data(), NONE) is None


def test_what_the_backbone_expects_is_kept_and_what_is_asked_for_wins():
    assert resolved(EXPECTED, data(), NONE) == EXPECTED
    asked = {**NONE, "size": 24, "mean": [0.1, 0.1, 0.1], "crop": 1.0}
    found = resolved(EXPECTED, data(), asked)
    assert (found.size, found.mean, found.crop) == ((24, 24), (0.1, 0.1, 0.1), 1.0)
    assert found.std == EXPECTED.std
    of_data = resolved(None, data(), {**NONE, "size": 24})
    assert of_data == Preprocessing((24, 24), (0.5,) * 3, (0.25,) * 3)


def test_grey_images_for_a_colour_backbone_are_refused_until_it_is_said():
    with pytest.raises(ConfigError, match="has 1 channel, the backbone reads 3; type preproc"):
        resolved(EXPECTED, data(1), NONE)
    asked = {**NONE, "grey_as_colour": True}
    expected = resolved(EXPECTED, data(1), asked)
    module = data(1)
    module.preprocessing = expected
    (sample, *_) = module.clean("test")
    raw = next(iter(data(1).splits.test.samples([torch.arange(32)]))).input
    assert sample.input.shape == (32, 3, 32, 32) and raw.shape == (32, 1, 16, 16)


def test_colour_images_for_a_grey_backbone_are_refused():
    grey = Preprocessing((16, 16), (0.5,), (0.2,))
    with pytest.raises(ConfigError, match="has 3 channels, the backbone reads 1; .*channels=1"):
        resolved(grey, data(3), NONE)


def test_a_backbone_that_is_built_for_the_data_has_the_mean_statistics():
    found = resolved(EXPECTED, data(1), NONE, adapts=True)
    assert found.mean == pytest.approx((0.4,)) and found.std == pytest.approx((0.3,))


def test_statistics_of_another_number_of_channels_are_refused():
    with pytest.raises(ConfigError, match=r"preprocessing.mean has 2 numbers; .* 3 channels"):
        resolved(EXPECTED, data(), {**NONE, "mean": [0.1, 0.2]})


def test_a_preprocessing_survives_its_file():
    assert from_dict(EXPECTED.as_dict()) == EXPECTED
