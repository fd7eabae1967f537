import numpy as np
import pytest
from defects import picture
from PIL import Image, ImageEnhance, ImageOps

from manyviews.commands.doctor import recoloured
from manyviews.commands.doctor.recoloured import recoloured_pairs


def thumbnails(pictures):
    small = [p.convert("RGB").resize((9, 8), Image.Resampling.BOX) for p in pictures]
    return np.stack([np.asarray(s) for s in small])


def pairs(train, tested):
    thumbnail = thumbnails([*train, *tested])
    test = np.arange(len(thumbnail)) >= len(train)
    found = recoloured_pairs(thumbnail, test, np.ones(len(test), bool))
    assert found is not None
    return sorted(zip(*(rows.tolist() for rows in found), strict=True))


CHANGES = {
    "hue": lambda p: Image.merge("RGB", p.split()[::-1]),
    "grey": lambda p: p.convert("L"),
    "negative": ImageOps.invert,
    "contrast": lambda p: ImageEnhance.Contrast(p).enhance(0.6),
    "brightness": lambda p: ImageEnhance.Brightness(p).enhance(0.7),
    "saturation": lambda p: ImageEnhance.Color(p).enhance(0.4),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_of_220_recoloured_twins_of_training_images_is_found(change, monkeypatch):
    monkeypatch.setattr(recoloured, "AT_ONCE", 10_000)  # several pieces
    train = [picture(i, 24) for i in range(220)]
    found = pairs(train, [CHANGES[change](p) for p in train])
    assert found == [(i, 220 + i) for i in range(220)]


def test_every_training_image_that_a_test_image_resembles_is_found():
    one, two = picture(1), picture(2)
    again = CHANGES["hue"](one)
    assert pairs([one, two, again, two], [CHANGES["contrast"](one)]) == [(0, 4), (2, 4)]
    assert pairs([one], []) == pairs([picture(1)], [picture(3)]) == []


def test_two_grey_images_are_not_recoloured():
    grey = picture(1).convert("L")
    assert pairs([grey], [ImageEnhance.Contrast(grey).enhance(0.5)]) == []


def test_too_many_pairs_are_not_compared(monkeypatch):
    monkeypatch.setattr(recoloured, "MOST_PAIRS", 1)
    thumbnail = thumbnails([picture(i) for i in range(3)])
    assert recoloured_pairs(thumbnail, np.array([0, 0, 1], bool), np.ones(3, bool)) is None
