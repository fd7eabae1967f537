import numpy as np
import pytest

from manyviews import panels
from manyviews.panels import Line
from manyviews.scoring.comparison.panels import comparison_panels
from manyviews.scoring.comparison.words import sentences

NAMES = ["run-s0", "run-s1", "run-s2"]


def score(name, value):
    row = {"protocol": "knn@1", "metric": "top1", "value": value, "low": value - 0.1}
    return {"name": name, **row, "high": value + 0.1, "n": 32}


def gain(first, second, differ):
    row = {"protocol": "knn@1", "metric": "top1", "value": 0.1, "low": -0.05, "high": 0.25}
    return {"first": first, "second": second, **row, "n": 32, "differ": differ}


def likeness(first, second, values):
    layers = [["stage 1", "embedding"], ["stage 1", "embedding"]]
    return {"first": first, "second": second, "layers": layers, "values": values, "items": 32}


FIGURES = {
    "reports": dict.fromkeys(NAMES, "report.json"),
    "scores": [score(NAMES[0], 0.9), score(NAMES[1], 0.8)],
    "differences": [gain(NAMES[0], NAMES[1], differ=False)],
    "disagreements": [
        {"first": NAMES[0], "second": NAMES[1], "protocol": "knn@1", "share": 0.125}
        | {"errors": [0.1, 0.2], "n": 32}
    ],
    "apart": [{"first": NAMES[0], "second": NAMES[2], "reason": "other test items"}],
    "settings": {"seed": dict(zip(NAMES, "012", strict=True))},
    "curves": {"online/knn@1/top1": {NAMES[0]: {"step": [1, 2], "value": [0.25, 0.5]}}},
    "cka": [
        likeness(NAMES[0], NAMES[1], [[0.9, 0.3], [0.2, 0.7]]),
        likeness(NAMES[0], NAMES[2], [[0.9, None], [0.2, None]]),
        {"first": NAMES[1], "second": NAMES[2], "reason": "no data"},
    ],
}
CARD = {
    "data": {"name": "stripes", "classes": ["across", "down"], "fingerprint": {"test": "same"}},
    "checkpoint": {"step": 8},
}
CARDS = dict.fromkeys(NAMES, CARD)


def gallery(nearest):
    """One query of class 0 and two neighbours of these classes."""
    image = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
    return {
        "queries": image,
        "query_label": np.array([0]),
        "neighbours": np.stack([image, image + 1], 1),
        "neighbour_label": np.array([nearest]),
        "neighbour_similarity": np.array([[0.987, 0.5]]),
    }


GALLERIES = {NAMES[0]: gallery([0, 1]), NAMES[1]: gallery([1, 0]), NAMES[2]: gallery([0, 0])}


def shown(**changes):
    found = comparison_panels(FIGURES | changes, CARDS, GALLERIES)
    return {panel.name: panel for panel in found}


def test_every_part_of_a_comparison_has_a_panel_with_letters_for_names(tmp_path):
    found = shown()
    parts = ["scores", "disagreement", "settings", "curves", "cka", "neighbours"]
    assert [*found] == ["runs", *parts]
    assert found["runs"].blocks[0].rows[1] == ["B", "run-s1", "stripes, step 8"]
    scores, gains = found["scores"].blocks
    assert scores.rows == [["knn@1", "90.0 % (80.0 to 100.0)", "80.0 % (70.0 to 90.0)", "-"]]
    assert gains.rows[0] == ["A minus B", "knn@1", "+10.0 (-5.0 to +25.0)", "not distinguishable"]
    assert gains.rows[1][:2] == ["A minus C", "not paired"]
    assert found["settings"].blocks[0].rows == [["seed", "0", "1", "2"]]
    panels.save(tmp_path / "panels.npz", found.values())
    assert [panel.name for panel in panels.load(tmp_path / "panels.npz")] == [*found]


def test_scores_are_drawn_in_percent():
    (plot,) = shown()["curves"].blocks
    assert plot.lines == [Line("A", [1, 2], [25, 50])]
    assert plot.y_title == "online/knn@1/top1, %"


def test_embeddings_of_all_pairs_are_in_one_grid_and_unknown_cells_stay_empty():
    embeddings, *layers = shown()["cka"].blocks
    nan = np.nan
    expected = [[1, 0.7, nan], [0.7, 1, nan], [nan, nan, 1]]
    np.testing.assert_array_equal(embeddings.values, expected)
    assert [one.title for one in layers] == ["layers of A and B", "layers of A and C"]
    assert np.isnan(layers[1].values[0, 1])


def test_neighbours_stand_below_each_other_and_other_classes_are_marked():
    (query,) = shown()["neighbours"].blocks
    assert query.title == "across"
    assert [[p.mark for p in row] for row in query.rows] == [
        ["query", "", "wrong"],
        ["query", "wrong", ""],
        ["query", "", ""],
    ]
    assert [p.caption for p in query.rows[1]] == ["B", "0.99", "0.50"]


@pytest.mark.parametrize("change", ["queries", "data", "missing"])
def test_neighbours_of_other_queries_are_not_put_side_by_side(change):
    galleries, cards = dict(GALLERIES), dict(CARDS)
    if change == "queries":
        one = galleries[NAMES[2]]
        galleries[NAMES[2]] = one | {"queries": one["queries"] + 1}
    elif change == "data":
        cards[NAMES[2]] = CARD | {"data": CARD["data"] | {"fingerprint": {"test": "other"}}}
    else:
        galleries.pop(NAMES[2])
    found = comparison_panels(FIGURES, cards, galleries)
    assert "neighbours" not in [panel.name for panel in found]


def test_parts_without_content_are_left_out():
    found = shown(disagreements=[], settings={}, curves={}, cka=[])
    assert [*found] == ["runs", "scores", "neighbours"]


def test_the_terminal_is_told_disagreement_and_cka_in_sentences():
    first, cka, failed = sentences(FIGURES)
    assert first == (
        "knn@1: A and B disagree on 12.5 % of the 32 test items; their errors are 10.0 % and 20.0 %"
    )
    assert cka == "CKA of the embeddings of A and B: 0.70 (32 test items)"
    assert failed == "CKA of B and C: not computed (no data)"
