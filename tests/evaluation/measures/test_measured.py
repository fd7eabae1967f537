import pytest
import torch

from manyviews.evaluation.answers import Chosen, Clusters, Draws, Labels, PerItem, Scalar
from manyviews.evaluation.measures.measured import MEASURES, measured
from manyviews.evaluation.measures.values import Items, Resampled

USUAL = ["top1", "balanced_accuracy", "macro_f1", "macro_auroc", "macro_auprc"]


def items(count=595, classes=7, group=None):
    return Items(torch.arange(count) % classes, classes, group)


def labels(noise, of=None, seed=0):
    of = of or items()
    generator = torch.Generator().manual_seed(seed)
    scores = torch.nn.functional.one_hot(of.label, of.classes) + noise * torch.randn(
        len(of.label), of.classes, generator=generator
    )
    return Labels(scores.argmax(1), scores)


def test_predicted_labels_have_the_usual_measures_or_the_chosen_ones():
    assert list(measured(labels(0.5), items())) == USUAL
    assert list(measured(labels(0.5), items(), ["macro_f1", "top1"])) == ["top1", "macro_f1"]


def test_top_5_is_measured_from_20_classes_on():
    found = measured(labels(1.0, items(400, 20)), items(400, 20))
    assert list(found) == list(MEASURES)
    assert found["top5"].row()["value"] > found["top1"].row()["value"]
    of = items(400, 20)
    first = labels(1.0, of).scores.argsort(dim=1, descending=True)[:, :5]
    expected = float((first == of.label[:, None]).any(1).double().mean())
    assert found["top5"].row()["value"] == pytest.approx(expected)


def test_the_same_answer_has_the_same_intervals_and_no_difference():
    first, second = (measured(labels(0.5), items()) for _ in range(2))
    for metric in USUAL:
        assert first[metric].row() == second[metric].row()
        assert first[metric].minus(second[metric]) == {"value": 0, "low": 0, "high": 0}


def test_intervals_hold_the_value_and_are_as_wide_as_that_of_the_mean():
    found = {name: m.row() for name, m in measured(labels(0.5), items()).items()}
    width = {name: row["high"] - row["low"] for name, row in found.items()}
    for row in found.values():
        assert row["low"] < row["value"] < row["high"]
    # Equal classes: balanced accuracy is accuracy.
    assert found["balanced_accuracy"]["value"] == pytest.approx(found["top1"]["value"], abs=1e-7)
    assert width["balanced_accuracy"] == pytest.approx(width["top1"], rel=0.1)


def test_differences_are_paired():
    good, bad = (measured(labels(noise), items())["macro_f1"] for noise in (0.5, 0.55))
    gain = good.minus(bad)
    assert isinstance(good, Resampled) and isinstance(bad, Resampled)
    assert gain["value"] == pytest.approx(good.value - bad.value)
    assert gain["high"] - gain["low"] < (good.row()["high"] - good.row()["low"]) / 1.5


def test_without_scores_or_with_one_class_no_ranking_is_measured():
    answer = labels(0.5)
    assert list(measured(Labels(answer.top1), items())) == USUAL[:3]
    one = items()._replace(label=torch.zeros(595, dtype=torch.int64))
    assert list(measured(answer, one)) == USUAL[:3]


def test_cells_beside_the_headline_have_their_accuracy_only():
    found = measured({"": labels(0.5), "k20": labels(0.6)}, items(), ["top1", "macro_f1"])
    assert list(found) == ["top1", "macro_f1", "top1_k20"]


def test_of_a_chosen_setting_the_test_answer_is_measured():
    validation = Labels(torch.zeros(3, dtype=torch.int64))
    chosen = Chosen(labels(0.5), validation, torch.ones(3).long(), {"penalty": 1.0})
    assert measured(chosen, items())["top1"].row() == measured(labels(0.5), items())["top1"].row()


def test_a_score_per_item_is_no_label_and_a_number_has_no_interval():
    value = torch.rand(595, generator=torch.Generator().manual_seed(0))
    found = measured([PerItem("map", value), Scalar("rankme", 3.5, None, {"n": 7})], items())
    row = found["map"].row()
    assert row["value"] == pytest.approx(float(value.mean()), abs=1e-6)
    assert row["low"] < row["value"] < row["high"]
    expected = {"value": 3.5, "low": None, "high": None, "details": {"n": 7}}
    assert found["rankme"].row() == expected


def test_several_draws_have_their_mean_and_spread():
    drawn = [labels(noise) for noise in (0.4, 0.6, 0.8)]
    each = [float((a.top1 == items().label).double().mean()) for a in drawn]
    row = measured(Draws(drawn), items())["top1"].row()
    assert row["value"] == pytest.approx(sum(each) / 3)
    assert row["spread"] == pytest.approx(float(torch.tensor(each, dtype=torch.float64).std()))


def test_clusterings_are_scored_by_their_mean_and_spread_over_seeds():
    label = items().label
    drawn = [Clusters((label + 1) % 7), Clusters(label // 2)]
    found = {name: m.row() for name, m in measured(Draws(drawn), items()).items()}
    assert list(found) == ["ari", "nmi", "matched_accuracy"]
    alone = measured(drawn[1], items())["ari"].row()
    assert found["ari"]["value"] == pytest.approx((1 + alone["value"]) / 2)
    assert found["ari"]["spread"] == pytest.approx((1 - alone["value"]) / 2**0.5)
    assert found["ari"]["low"] < found["ari"]["value"] < found["ari"]["high"]


def test_agreement_does_not_grow_because_items_are_drawn_twice():
    torch.manual_seed(0)
    clusters = Clusters(torch.randint(0, 7, (100,)))
    for row in (m.row() for m in measured(clusters, items(100)).values()):
        assert row["low"] < row["value"] < row["high"]


@pytest.mark.parametrize("metric", USUAL)
def test_with_five_groups_the_headline_resamples_groups(metric):
    # All items of a group are right or all are wrong: groups tell far less than items do.
    group = torch.arange(700) // 70
    of, fair = items(700, 7, group), group % 2 == 0
    answer = labels(0.0, of)
    wrong = Labels((of.label + 1) % 7, answer.scores.roll(1, 1))
    mixed = Labels(
        torch.where(fair, answer.top1, wrong.top1),
        torch.where(fair[:, None], answer.scores, wrong.scores).float(),
    )
    row = measured(mixed, of)[metric].row()
    assert row["over"] == "groups"
    assert row["high"] - row["low"] > 3 * (row["items_high"] - row["items_low"])
    gain = measured(answer, of)[metric].minus(measured(mixed, of)[metric])
    assert gain["over"] == "groups" and gain["low"] < gain["items_low"]


def test_four_groups_are_counted_and_the_interval_is_over_items():
    of = items(400, 4, torch.arange(400) // 100)
    row = measured(labels(0.8, of), of)["top1"].row()
    assert row["few_groups"] == 4 and "over" not in row
    alone = measured(labels(0.8, of), items(400, 4))["top1"].row()
    assert (row["low"], row["high"]) == (alone["low"], alone["high"])
