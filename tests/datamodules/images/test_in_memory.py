import pytest
import torch

from manyviews.datamodules.images.in_memory import (
    Decoded,
    Held,
    pixel_statistics,
    share_of_each_class,
    with_share,
)
from manyviews.datamodules.images.splits import Images
from manyviews.errors import ConfigError

STATISTICS = (0.5,), (0.25,)


def images(label):
    """Images of one pixel, each filled with its row."""
    return Images(torch.arange(len(label), dtype=torch.uint8)[:, None, None, None], label)


def data_set(label, val):
    made = Decoded(images(label), images(label[:2]), ("a", "b"), STATISTICS)
    return with_share("d", made, Held(val))


def test_without_a_share_there_is_no_validation_split():
    made = data_set(torch.tensor([0, 1] * 5), None)
    assert made.val is None and (made.mean, made.std) == STATISTICS and made.notes == ()


def test_a_share_of_every_class_is_held_out_and_the_rest_gives_the_statistics():
    made = data_set(torch.tensor([0, 1] * 20), 0.25)
    assert made.val is not None and made.val.label.bincount().tolist() == [5, 5]
    kept, held = made.train.image.flatten().tolist(), made.val.image.flatten().tolist()
    assert sorted([*kept, *held]) == [*range(40)] and kept == sorted(kept)
    assert made.train.label.tolist() == [row % 2 for row in kept]
    assert (made.mean, made.std) == pixel_statistics(made.train.image) != STATISTICS
    assert made.notes == ("validation: 10 of 40 training images are held out (data.val=0.25)",)


def test_the_share_never_changes():
    label = torch.arange(1000) % 10
    assert share_of_each_class(label, 0.01).tolist() == [
        68,
        84,
        257,
        305,
        396,
        429,
        632,
        741,
        750,
        793,
    ]
    small, large = (set(share_of_each_class(label, s).tolist()) for s in (0.1, 0.3))
    assert len(small) == 100 and len(large) == 300 and small < large


def test_unlabelled_images_stay_in_training_unless_all_are():
    some = torch.tensor([0, 1] * 10 + [-1] * 30)
    assert share_of_each_class(some, 0.2).tolist() == [
        r for r in share_of_each_class(some, 0.2) if r < 20
    ]
    assert len(share_of_each_class(some, 0.2)) == 4
    assert len(share_of_each_class(torch.full((30,), -1), 0.2)) == 6


def test_a_class_of_one_stays_and_of_two_gives_one():
    found = share_of_each_class(torch.tensor([0] * 10 + [1] * 2 + [2]), 0.1)
    assert len(found) == 2 and 12 not in found.tolist()


@pytest.mark.parametrize("share", [0.0, 1.0, 0.6, -1.0, float("nan")])
def test_a_share_without_sense_is_one_line(share):
    with pytest.raises(ConfigError, match="data.val=.*; allowed: a share above 0, up to 0.5, or n"):
        share_of_each_class(torch.zeros(10, dtype=torch.int64), share)


def test_a_share_that_leaves_nothing_is_one_line():
    with pytest.raises(ConfigError, match="data.val=0.5: no class has two training images.*null"):
        share_of_each_class(torch.arange(5), 0.5)
