import numpy as np
import pytest

from manyviews.scoring.comparison.paired import differences, disagreements, reason_apart

LABEL = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def predicted(top1, **more):
    items = {"position": np.arange(8), "label": LABEL}
    return items | {"knn@1/top1": np.array(top1, dtype=np.uint8)} | more


def card(fingerprint="same", name="a"):
    return {"data": {"fingerprint": {"test": fingerprint}, "name": name}}


def test_disagreement_is_between_predictions_and_stands_beside_both_errors():
    a = predicted([0, 1, 2, 0, 1, 2, 1, 2])  # two errors
    b = predicted([0, 1, 2, 0, 1, 0, 2, 2])  # three; the two agree on the last
    assert disagreements(a, b) == [
        {"protocol": "knn@1", "share": 2 / 8, "errors": [2 / 8, 3 / 8], "n": 8}
    ]
    (gain,) = differences(a, b, 3)
    assert gain["value"] == pytest.approx(1 / 8) and gain["metric"] == "top1"


def test_values_that_are_no_predictions_have_differences_only():
    precision = {"retrieval@1/map": np.linspace(0, 1, 8, dtype=np.float32)}
    a, b = predicted(LABEL, **precision), predicted(LABEL, **precision)
    assert [row["protocol"] for row in disagreements(a, b)] == ["knn@1"]
    assert {row["metric"] for row in differences(a, b, 3)} == {"top1", "map"}


def test_only_the_same_items_of_the_same_data_are_paired():
    a = predicted(LABEL)
    assert reason_apart(card(), card(), a, a) == ""
    assert "other test data (a and b)" in reason_apart(card(), card("other", "b"), a, a)
    assert "evaluate it again" in reason_apart(card(), card(), a, {})
    moved = a | {"position": np.arange(8) + 1}
    assert reason_apart(card(), card(), a, moved) == "other test items"
