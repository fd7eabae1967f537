import pytest
import torch

from manyviews.evaluation.measures.intervals import wilson
from manyviews.evaluation.measures.values import Items, Means, Number, Resampled

TEN_GROUPS = torch.arange(200) // 20


def items(group=None):
    return Items(torch.arange(200) % 5, 5, group)


def right(count):
    """1 for the first items, 0 for the others."""
    return (torch.arange(200) < count).double()


def test_marked_items_keep_their_label_and_group():
    kept = items(TEN_GROUPS).rows(torch.arange(200) % 10 == 3)
    assert kept.label.tolist() == [3] * 20
    assert kept.group.tolist() == [g for g in range(10) for _ in range(2)]
    assert items().rows(torch.arange(200) < 7).group is None


def test_only_an_accuracy_of_one_draw_has_an_exact_interval():
    assert Means(right(198), items()).row() == wilson(198, 200)._asdict()
    for other in (Means(right(198), items(), share=False), Means(right(198), items(), 0.1)):
        assert other.row()["value"] == 0.99 and other.row()["low"] > wilson(198, 200).low


def test_a_mean_over_groups_keeps_the_interval_over_items_and_stays_a_share():
    alone, row = (Means(right(190), items(g)).row() for g in (None, TEN_GROUPS))
    assert (row["over"], row["items_low"], row["items_high"]) == (
        "groups",
        alone["low"],
        alone["high"],
    )
    assert row["low"] < row["items_low"] and row["high"] == 1.0
    assert Means(right(190), items(TEN_GROUPS), share=False).row()["high"] > 1.0


def test_differences_are_paired_item_by_item():
    gain = Means(right(150), items()).minus(Means(right(150).flip(0), items()))
    assert gain["value"] == 0 and gain["low"] < 0 < gain["high"]
    assert Means(right(150), items()).minus(Means(right(150), items()))["high"] == 0
    drawn = torch.linspace(0.4, 0.6, 1001, dtype=torch.float64)
    first, second = (Resampled(v, drawn + v - 0.5, None, items()) for v in (0.5, 0.4))
    assert first.minus(second) == pytest.approx({"value": 0.1, "low": 0.1, "high": 0.1})


def test_a_resampled_measure_has_the_percentiles_of_its_resamples():
    drawn = torch.linspace(0.4, 0.6, 1001, dtype=torch.float64)
    row = Resampled(0.45, drawn, None, items(), spread=0.02).row()
    assert row == pytest.approx({"value": 0.45, "low": 0.405, "high": 0.595, "spread": 0.02})
    shifted = Resampled(0.45, drawn, None, items()).centred().row()
    assert shifted == pytest.approx({"value": 0.45, "low": 0.355, "high": 0.545})


def test_a_resampled_measure_over_groups_is_widened():
    drawn = torch.linspace(0.4, 0.6, 1001, dtype=torch.float64)
    row = Resampled(0.5, drawn, drawn, items(TEN_GROUPS)).row()
    assert row["over"] == "groups" and row["items_low"] == pytest.approx(0.405)
    factor = 2.262157 / 1.959964 * (10 / 9) ** 0.5  # Student's t with 9 degrees of freedom
    assert row["low"] == pytest.approx(0.5 - 0.095 * factor, abs=1e-6)


def test_a_number_says_how_it_was_computed_if_there_is_something_to_say():
    expected = {"value": 3.5, "low": None, "high": None}
    assert Number(3.5, None, {}).row() == expected
    assert Number(3.5, None, {"n": 7}).row() == {**expected, "details": {"n": 7}}
