import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from manyviews.panels import Points
from manyviews.report.scatter import SHOWN, UNKNOWN, colour, placed


def points(count=5, names=("a", "b")):
    images = np.full((count, 1, 6, 6), 10, np.uint8)
    images[3] = 240
    group = np.arange(count) % 3 - 1
    return Points("map", np.arange(count), np.arange(count) ** 2.0, group, names, images)


def test_places_span_the_map_from_the_lower_left_to_the_upper_right():
    dots = placed(points()).points
    assert (dots[0].left, dots[0].top) == (3, 97) and (dots[-1].left, dots[-1].top) == (97, 3)
    assert dots[-1].turned == "left" and dots[0].turned == "up"


def test_each_dot_shows_its_own_part_of_the_thumbnails():
    made = placed(points())
    sheet = np.array(Image.open(io.BytesIO(b64decode(made.sheet.partition(",")[2]))))
    assert made.columns == 3 and sheet.shape == (12, 18)
    for number, dot in enumerate(made.points):
        x, y = (-int(part.removesuffix("px")) // SHOWN * 6 for part in dot.at.split())
        bright = sheet[y : y + 6, x : x + 6].mean() > 120
        assert bright == (number == 3)


def test_items_of_unknown_class_are_grey_and_named_so():
    made = placed(points())
    assert made.points[0].colour == UNKNOWN
    assert made.legend == [("unknown", UNKNOWN), ("a", colour(0, 2)), ("b", colour(1, 2))]


@pytest.mark.parametrize("groups", [10, 100])
def test_groups_have_colours_of_their_own(groups):
    assert len({colour(g, groups) for g in range(groups)}) == groups


def test_items_at_one_place_lie_in_the_middle():
    same = points()._replace(x=np.zeros(5), y=np.zeros(5))
    assert {(dot.left, dot.top) for dot in placed(same).points} == {(50, 50)}
