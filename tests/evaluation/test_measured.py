import pytest
import torch

from manyviews.evaluation.measured import measured

FURTHER = ("balanced_accuracy", "macro_f1", "macro_auroc", "macro_auprc")


def answer(noise, items=595, classes=7):
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(items) % classes
    scores = torch.nn.functional.one_hot(label, classes) + noise * torch.randn(
        items, classes, generator=generator
    )
    return {"top1": scores.argmax(1), "scores": scores}, label


def test_only_accuracy_where_nothing_else_is_asked_for():
    assert list(measured(*answer(0.5), 7)) == ["top1"]


def test_the_same_answer_has_the_same_intervals_and_no_difference():
    first, second = (measured(*answer(0.5), 7, FURTHER) for _ in range(2))
    for metric in FURTHER:
        assert first[metric].row() == second[metric].row()
        assert first[metric].minus(second[metric]) == (0, 0, 0)


def test_intervals_hold_the_value_and_are_as_wide_as_that_of_the_mean():
    found = {name: m.row() for name, m in measured(*answer(0.5), 7, FURTHER).items()}
    width = {name: row["high"] - row["low"] for name, row in found.items()}
    for row in found.values():
        assert row["low"] < row["value"] < row["high"]
    # Equal classes: balanced accuracy is accuracy.
    assert found["balanced_accuracy"]["value"] == pytest.approx(found["top1"]["value"], abs=1e-7)
    assert width["balanced_accuracy"] == pytest.approx(width["top1"], rel=0.1)


def test_differences_are_paired():
    good, bad = (measured(*answer(noise), 7, FURTHER)["macro_f1"] for noise in (0.5, 0.55))
    gain = good.minus(bad)
    assert gain.value == pytest.approx(good.value - bad.value)
    assert gain.high - gain.low < (good.row()["high"] - good.row()["low"]) / 1.5


def test_without_scores_or_with_one_class_no_ranking_is_measured():
    found, label = answer(0.5)
    labels = {"top1": found["top1"]}
    assert list(measured(labels, label, 7, FURTHER)) == ["top1", "balanced_accuracy", "macro_f1"]
    one = torch.zeros_like(label)
    assert list(measured(found, one, 7, FURTHER)) == ["top1", "balanced_accuracy", "macro_f1"]


def test_clusterings_are_scored_by_their_mean_and_spread_over_seeds():
    _, label = answer(0.5)
    clusters = torch.stack([(label + 1) % 7, label // 2])
    found = {name: m.row() for name, m in measured({"clusters": clusters}, label, 7).items()}
    assert list(found) == ["ari", "nmi", "matched_accuracy"]
    alone = measured({"clusters": clusters[1:]}, label, 7)["ari"].row()
    assert found["ari"]["value"] == pytest.approx((1 + alone["value"]) / 2)
    assert found["ari"]["spread"] == pytest.approx((1 - alone["value"]) / 2**0.5)
    assert found["ari"]["low"] < found["ari"]["value"] < found["ari"]["high"]


def test_agreement_does_not_grow_because_items_are_drawn_twice():
    torch.manual_seed(0)
    label, clusters = torch.arange(100) % 7, torch.randint(0, 7, (1, 100))
    for row in (m.row() for m in measured({"clusters": clusters}, label, 7).values()):
        assert row["low"] < row["value"] < row["high"]
