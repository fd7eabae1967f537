"""What becomes of clean inputs of other data than a backbone was trained on."""

import pytest
import small_data
import timm
import torch
from pictures import write_folder
from PIL import Image

from manyviews.datamodules.images.custom import folder
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.scoring.candidate import _expected_by_library
from manyviews.scoring.inputs import _of_size

CROP = Crop(size=32, scale=[0.4, 1.0], ratio=[0.75, 4 / 3], interpolation="bilinear")


def test_a_crop_without_a_size_gets_that_of_the_backbone_and_others_keep_theirs():
    views = {
        "_target_": "manyviews.views.Views",
        "large": {"operations": {"crop": {"size": None}}},
        "small": {"operations": {"crop": {"size": 8}}},
    }
    found = _of_size(views, 32)
    assert found["large"]["operations"]["crop"]["size"] == 32
    assert found["small"]["operations"]["crop"]["size"] == 8
    assert views["large"]["operations"]["crop"]["size"] is None


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_features_of_a_timm_model_are_those_of_timm_s_own_transform(name, on_disk, tmp_path):
    expected = _expected_by_library(f"timm/{name}")
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    if on_disk:  # of different sizes, so they stay files
        write_folder(tmp_path, count=8, shape=lambda i: (300 + 7 * i, 260 + 5 * i))
        splits = folder(str(tmp_path), test=0.5, workers=0)
        pictures = [Image.open(path).convert("RGB") for path in splits.test.paths]
    else:
        splits = small_data.stripes(count=4, size=40, channels=3)
        pictures = [
            Image.fromarray(image.permute(1, 2, 0).numpy()) for image in splits.test.image[:4]
        ]
    views = Views(large=View(count=2, operations={"crop": CROP}))
    module = ImageData(splits, views, batch_size=2, seed=0)
    module.preprocessing = expected
    rows = torch.arange(len(pictures))
    ours = torch.cat([sample.input for sample in module.clean("test", rows)])
    theirs = torch.stack([transform(picture) for picture in pictures])
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(model(ours), model(theirs), atol=1e-5, rtol=1e-6)
