import pytest
import small_series
import torch
from small_data import Speck, stripes
from torch import nn

from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.series.jitter import Jitter
from manyviews.datamodules.views.series.pipeline import SeriesView, SeriesViews
from manyviews.datamodules.views.series.placement import Anywhere, Shift
from manyviews.evaluation import fresh_views as module
from manyviews.evaluation.fresh_views import EPOCH, fresh_views, shows_one_sample

ROWS = torch.tensor([5, 0, 17, 3, 40])


def images():
    crop = Crop(size=None, scale=[0.3, 1.0], ratio=[0.75, 1.33], interpolation="bilinear")
    large = View(2, {"crop": crop, "flip": Flip(0.5)})
    small = View(4, {"crop": Crop(8, [0.1, 0.3], [0.75, 1.33], "bilinear")})
    return ImageData(stripes(), Views(large=large, small=small), batch_size=16, seed=3)


def series(place=None):
    views = SeriesViews(window=SeriesView(2, {"jitter": Jitter(1.0, 0.5)}, place))
    return small_series.data(views)


def speck():
    torch.manual_seed(0)
    return Speck(6, in_channels=1, image_size=16)


@torch.no_grad()
def one_by_one(backbone, data, q):
    """The first view of each row in each later epoch, through the data module's own batch."""
    backbone.eval()
    return torch.stack(
        [
            torch.stack([backbone(data.batch(row[None], e).views[0])[0] for row in ROWS])
            for e in range(EPOCH, EPOCH + q)
        ],
        1,
    )


@pytest.mark.parametrize("batch", [2, 256])
@pytest.mark.parametrize("kind", ["images", "series"])
def test_views_are_the_first_ones_of_epochs_that_no_training_reaches(kind, batch, monkeypatch):
    monkeypatch.setattr(module, "BATCH", batch)
    data, backbone = (
        (images(), speck()) if kind == "images" else (series(), small_series.Convolution())
    )
    found = fresh_views(backbone, data)(ROWS, 3)
    assert found.shape == (5, 3, backbone.embedding_dim) and found.dtype == torch.float32
    torch.testing.assert_close(found, one_by_one(backbone, data, 3), rtol=1e-5, atol=1e-5)


def test_views_of_a_row_differ_from_each_other_and_from_those_of_training_and_come_again():
    data, backbone = images(), speck().eval()
    features = fresh_views(backbone, data)
    found = features(ROWS, 4)
    assert len(found.flatten(0, 1).unique(dim=0)) == 20
    trained = backbone(data.batch(ROWS, 0).views[0])
    assert not torch.isclose(found, trained[:, None]).all(2).any()
    assert torch.equal(found, features(ROWS, 4))


def test_the_data_module_and_the_backbone_stay_as_they_were():
    data, backbone = images(), speck()
    before = [view.clone() for view in data.batch(ROWS, 1).views]
    state = {name: value.clone() for name, value in backbone.state_dict().items()}
    found = fresh_views(backbone, data)(ROWS, 2)
    assert not found.requires_grad and backbone.training
    assert all(torch.equal(a, b) for a, b in zip(before, data.batch(ROWS, 1).views, strict=True))
    assert all(torch.equal(value, state[name]) for name, value in backbone.state_dict().items())


def test_windows_near_the_row_s_own_are_views_of_it_and_windows_anywhere_are_not():
    backbone = small_series.Convolution()
    assert not shows_one_sample(series(Anywhere())) and shows_one_sample(series(Shift()))
    with pytest.raises(ValueError, match="another window"):
        fresh_views(backbone, series(Anywhere()))
    assert fresh_views(backbone, series(Shift()))(ROWS, 2).shape == (5, 2, 12)


def test_a_backbone_without_weights_is_a_backbone():
    class Flat(nn.Module):
        def forward(self, x):
            return x.flatten(1)

    assert fresh_views(Flat(), images())(ROWS, 2).shape == (5, 2, 256)
