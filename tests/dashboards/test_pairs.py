import json

import numpy as np
import pytest
from synthetic_runs import write

from manyviews.dashboards import pairs
from manyviews.dashboards.entry import identifier
from manyviews.scoring.arrays import load_predictions
from manyviews.scoring.comparison import compare
from manyviews.sweeps.boards.found import find


def evaluated(folder, count):
    label = np.arange(60) % 2
    for number in range(count):
        report = write(folder, number, records=1) / "report"
        guess = np.where(np.arange(60) % 7 <= number % 5, label, 1 - label)
        arrays = {"position": np.arange(60), "label": label, "knn@1/top1": guess}
        np.savez(report / "predictions.npz", **arrays)
    return find([folder])[0]


def test_pairs_have_the_figures_that_compare_prints(tmp_path):
    found = evaluated(tmp_path, 2)
    reports = [run.path / "report" / "report.json" for run in found]
    cards = {str(file): json.loads(file.read_text()) for file in reports}
    arrays = {str(file): load_predictions(file.with_name("predictions.npz")) for file in reports}
    figures = compare.figures(cards, arrays, {})
    (pair,) = pairs.pairs(found)
    assert [pair["first"], pair["second"]] == [identifier(run.path) for run in found]
    for kind in ("differences", "disagreements"):
        (row,) = figures[kind]
        assert pair[kind] == [{k: v for k, v in row.items() if k not in ("first", "second")}]
    assert pair["differences"][0]["value"] == pytest.approx(-9 / 60, abs=0.01)


def test_runs_without_predictions_have_no_pair(tmp_path):
    write(tmp_path, 0, records=1)
    write(tmp_path, 1, records=1)
    assert pairs.pairs(find([tmp_path])[0]) == []


def test_many_runs_of_one_data_set_are_left_to_the_command(tmp_path):
    assert pairs.pairs(evaluated(tmp_path, pairs.MOST + 1)) == []
