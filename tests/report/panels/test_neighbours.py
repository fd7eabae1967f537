import numpy as np

from manyviews.report.panels.neighbours import neighbours, overlaid
from manyviews.report.run_files import read


def test_positive_places_are_warm_and_negative_ones_cold():
    image = np.full((1, 8, 8), 100, np.uint8)
    of = np.zeros((2, 2))
    of[0, 0], of[1, 1] = 1, -1
    red, _, blue = overlaid(image, of).astype(int)
    assert red[0, 0] > 150 > blue[0, 0] and blue[-1, -1] > 120 > red[-1, -1]
    assert abs(red[0, -1] - 100) <= 12 and abs(blue[0, -1] - 100) <= 12


def test_a_map_of_zeros_leaves_the_image_as_it_is():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    assert np.array_equal(overlaid(image, np.zeros((4, 4))), image.repeat(3, 0))


def test_each_row_of_neighbours_is_followed_by_its_maps(run):
    (pictures,) = neighbours(read(run, run / "report")).blocks
    assert len(pictures.rows) == 20 and all(len(row) == 6 for row in pictures.rows)
    assert pictures.rows[0][0].mark == "query" and pictures.rows[1][0].image.shape == (3, 28, 28)


def test_neighbours_of_another_class_are_marked_and_unknown_ones_are_not(run):
    files = read(run, run / "report")
    (pictures,) = neighbours(files).blocks
    for q, row in enumerate(pictures.rows[::2]):
        own, labels = files.gallery["query_label"][q], files.gallery["neighbour_label"][q]
        expected = ["wrong" if c != own and c >= 0 else "" for c in labels]
        assert [p.mark for p in row[1:]] == expected


def test_why_there_are_no_maps_is_said(run):
    files = read(run, run / "report")
    gallery = {k: v for k, v in files.gallery.items() if not k.endswith("_map")}
    gallery["map_reason"] = np.array("a reason")
    panel = neighbours(files._replace(gallery=gallery))
    assert "There are no similarity maps: a reason." in panel.text
    assert len(panel.blocks[0].rows) == 10
