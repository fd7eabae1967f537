import numpy as np
import pytest
from report_run import HOSTILE
from sklearn.metrics import classification_report, confusion_matrix

from manyviews.panels import Heatmap, Pictures, Table
from manyviews.report.panels.classes import MOST_CONFUSED, classes, confusion
from manyviews.report.run_files import read


@pytest.fixture
def files(run):
    return read(run, run / "report")


def with_predictions(files, label, guess, names):
    predictions = {"label": label, "knn@1/top1": guess}
    card = {**files.card, "data": {**files.card["data"], "classes": names}}
    return files._replace(card=card, predictions=predictions)


def test_the_confusion_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    label, guess = random.integers(0, 5, 200), random.integers(0, 5, 200).astype(np.uint8)
    expected = confusion_matrix(label, guess, labels=range(5))
    assert np.array_equal(confusion(label, guess, 5), expected)


def test_accuracy_and_precision_of_each_class_are_those_of_scikit_learn(files):
    random = np.random.default_rng(0)
    label = random.integers(0, 4, 300)
    guess = np.where(random.random(300) < 0.6, label, random.integers(0, 4, 300))
    table = classes(with_predictions(files, label, guess, [*"abcd"])).blocks[0]
    assert isinstance(table, Table) and table.titles[:3] == ["class", "items", "knn@1"]
    expected = classification_report(label, guess, target_names=[*"abcd"], output_dict=True)
    for name, items, accuracy, precision, _ in table.rows:
        of = expected[name]
        assert items == f"{of['support']:.0f}"
        assert accuracy == f"{100 * of['recall']:.1f} %"
        assert precision == f"{100 * of['precision']:.1f} %"
    shown = [float(row[2].removesuffix(" %")) for row in table.rows]
    assert shown == sorted(shown)  # the hardest first


def test_rows_of_the_confusion_are_the_true_classes_in_percent(files):
    label, guess = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1])
    heat = classes(with_predictions(files, label, guess, ["a", "b", "none of it"])).blocks[1]
    assert isinstance(heat, Heatmap)
    np.testing.assert_allclose(heat.values[:2], [[100 / 3, 200 / 3, 0], [0, 100, 0]])
    assert np.isnan(heat.values[2]).all()  # a class that does not occur


def test_of_many_classes_the_pairs_that_are_confused_most_are_listed(files):
    count = MOST_CONFUSED + 1
    label = np.arange(4 * count) % count
    guess = label.copy()
    guess[label == 3] = 5
    guess[0] = 1
    names = [f"class {c}" for c in range(count)]
    pairs = classes(with_predictions(files, label, guess, names)).blocks[1]
    assert pairs.rows == [
        ["class 3", "class 5", "4", "100.0 %"],
        ["class 0", "class 1", "1", "25.0 %"],
    ]


def test_the_first_linear_probe_is_shown_in_detail_with_its_hardest_items(files):
    panel = classes(files)
    assert "those of linear_lbfgs@1" in panel.text
    hardest = panel.blocks[2]
    assert isinstance(hardest, Pictures)
    said = [picture.caption for picture in hardest.rows[0]]
    assert said[0] == f"{HOSTILE[0]}, taken for {HOSTILE[1]}"


def test_without_predicted_classes_there_is_no_such_panel(files):
    assert classes(files._replace(predictions={})) is None
