import pytest
import torch

from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.errors import ConfigError

RATIO = [3 / 4, 4 / 3]


def views():
    operations = {
        "crop": Crop(None, [0.3, 1.0], RATIO),
        "flip": Flip(0.5),
        "jitter": Jitter(0.8, 0.4, 0.4),
    }
    small = {"crop": Crop(12, [0.1, 0.3], RATIO)}
    return Views(large=View(2, operations), small=View(2, small))


def make(rows, seed=0, epoch=0):
    image = torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    chosen = image.to(torch.uint8)[rows]
    return views()(chosen, rows, seed=seed, epoch=epoch, mean=(0.3,), std=(0.35,))


def test_large_views_come_first_and_sizes_say_what_comes_out():
    found = make(torch.arange(8))
    assert [tuple(v.shape[-2:]) for v in found] == views().sizes(28, 28)
    assert views().sizes(28, 28) == [(28, 28), (28, 28), (12, 12), (12, 12)]


def test_a_sample_has_the_same_views_in_every_batch():
    together = make(torch.arange(64))
    reordered = make(torch.tensor([40, 3, 17]))
    for all_rows, few in zip(together, reordered, strict=True):
        assert torch.equal(all_rows[[40, 3, 17]], few)


def test_views_epochs_and_seeds_differ():
    rows = torch.arange(16)
    first, second, *_ = make(rows)
    for other in (second, make(rows, epoch=1)[0], make(rows, seed=1)[0]):
        assert not torch.isclose(first, other).flatten(1).all(1).any()


def test_views_are_normalised_with_the_statistics_of_the_data():
    whole = Views(all=View(2, {"crop": Crop(None, [1.0, 1.0], [1.0, 1.0])}))
    white = torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.4, 0.7)
    found = whole(white, torch.arange(2), seed=0, epoch=0, mean=mean, std=std)[0]
    expected = torch.tensor([0.9 / 0.5, 0.8 / 0.4, 0.7 / 0.7])
    torch.testing.assert_close(found[0, :, 4, 4], expected)


def test_what_has_probability_0_is_not_even_there():
    operations = {
        "flip": Flip(0.0),
        "jitter": Jitter(0.5, 0.1, 0.1),
        "crop": Crop(4, [1, 1], [1, 1]),
    }
    assert list(View(2, operations).operations) == ["jitter", "crop"]


def test_a_kind_without_views_is_told():
    with pytest.raises(ConfigError, match="count=0"):
        View(0, {})


def test_a_declaration_without_views_is_told():
    with pytest.raises(ConfigError, match="no kind of view; type views=two_crops"):
        Views()
