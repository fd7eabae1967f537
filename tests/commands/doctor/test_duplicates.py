import numpy as np
import pytest
from defects import picture
from PIL import Image

from manyviews.commands.doctor import duplicates
from manyviews.commands.doctor.duplicates import dhash, exact_ids, groups, near_ids


def thumbnails(pictures):
    small = [p.resize((9, 8), Image.Resampling.BOX) for p in pictures]
    return np.stack([np.asarray(s) for s in small])


def seen(thumbnail, blank=None):
    """The groups among colour thumbnails, or among grey ones."""
    if thumbnail.ndim == 3:
        thumbnail = thumbnail[..., None].repeat(3, 3)
    blank = np.zeros(len(thumbnail), bool) if blank is None else blank
    return [rows.tolist() for rows in groups(near_ids(thumbnail, blank))]


def test_same_numbers_equal_digests_and_no_others():
    digest = np.random.default_rng(0).integers(0, 256, (5, 16), np.uint8)
    digest[4] = digest[1]
    digest[3, :15], digest[3, 15] = digest[1, :15], digest[1, 15] ^ 1
    assert [rows.tolist() for rows in groups(exact_ids(digest))] == [[1, 4]]


def test_a_sign_is_set_where_a_pixel_exceeds_its_left_neighbour_by_more_than_noise():
    thumbnail = np.full((1, 8, 9), 100, np.uint8)
    thumbnail[0, 0, 3:] = 104  # noise
    thumbnail[0, 1, 8] = 105
    assert np.unpackbits(dhash(thumbnail)[0]).reshape(8, 8).nonzero() == ([1], [7])


@pytest.mark.parametrize("exhaustive", [200_000, 0])
def test_smaller_and_darker_copies_are_found_among_hundreds(exhaustive, monkeypatch):
    monkeypatch.setattr(duplicates, "EXHAUSTIVE_UP_TO", exhaustive)
    monkeypatch.setattr(duplicates, "PAIRS_AT_ONCE", 1000)  # many pieces
    pictures = [picture(i) for i in range(300)]
    pictures.append(pictures[7].resize((60, 61)))
    pictures.append(pictures[200].point(lambda value: value * 0.97))
    assert seen(thumbnails(pictures)) == [[7, 300], [200, 301]]


def test_chains_are_one_group_also_across_pieces(monkeypatch):
    monkeypatch.setattr(duplicates, "PAIRS_AT_ONCE", 1)
    steps = np.linspace(0, 1, 9)[:, None, None]
    first, last = thumbnails([picture(i).convert("L") for i in (1, 2)]).astype(float)
    chain = (first + steps * (last - first) * 0.25).round().astype(np.uint8)
    assert seen(chain[[0, 8]]) == []
    assert seen(chain) == [list(range(9))]


def test_equal_signs_alone_make_no_duplicate():
    step = np.linspace(10, 24, 8)[:, None] * (np.arange(9) > 3)
    one, two = (100 + step).astype(np.uint8), (100 + step[::-1]).astype(np.uint8)
    assert (dhash(one[None]) == dhash(two[None])).all()
    assert np.abs(one.astype(int) - two).mean() < duplicates.SHIFT
    assert seen(np.stack([one, two])) == []


def test_brightness_apart_is_no_duplicate():
    sky = np.linspace(100, 140, 72).reshape(8, 9).astype(np.uint8)
    assert seen(np.stack([sky, sky + 4])) == [[0, 1]]
    assert seen(np.stack([sky, sky + 40])) == []


def test_blank_images_are_like_no_other():
    blank = np.array([True, True, False])
    assert seen(np.zeros((3, 8, 9), np.uint8), blank) == []
    assert seen(np.zeros((2, 8, 9), np.uint8), blank[:2]) == []


def flag(*colours):
    """A flag of three upright stripes."""
    image = Image.new("RGB", (90, 60))
    for i, colour in enumerate(colours):
        image.paste(colour, (30 * i, 0, 30 * i + 30, 60))
    return image


def test_flags_of_different_colours_are_no_copies():
    # Red and green of one brightness: Pillow's grey of both is 76.
    flags = [flag("black", (255, 0, 0), "white"), flag("black", (0, 130, 0), "white")]
    grey = [np.asarray(f.convert("L")).astype(int) for f in flags]
    assert np.abs(grey[0] - grey[1]).max() <= 1
    assert seen(thumbnails(flags)) == []
    assert seen(thumbnails([*flags, flags[1].resize((81, 54))])) == [[1, 2]]


def test_a_small_emblem_of_another_colour_is_no_copy():
    one, two = flag("black", "blue", "white"), flag("black", "blue", "white")
    one.paste((255, 0, 0), (35, 10, 55, 20))
    two.paste((0, 130, 0), (35, 10, 55, 20))
    assert seen(thumbnails([one, two])) == []
