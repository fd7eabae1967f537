import json
import shutil

import pytest

from manyviews import runs
from manyviews.scoring.comparison import compare


def test_runs_of_one_name_in_two_places_are_two(done):
    copy = runs.load(shutil.copytree(done.path, f"elsewhere/{done.path.name}"))
    two = [done, copy]
    file = compare.write([run.report for run in two], two, "comparisons")
    found = json.loads(file.read_text())
    first, second = found["reports"]
    assert first != second and "elsewhere" in second
    (row,) = found["disagreements"]
    assert (row["first"], row["second"], row["share"]) == (first, second, 0)
    assert row["errors"] == [pytest.approx(row["errors"][1]), row["errors"][1]]
    assert found["settings"] == {} and found["cka"] == []
    assert {*found["curves"]["train/loss"]} == {first, second}


def test_a_run_on_several_data_has_one_curve_and_one_column_of_settings(done, config_dir):
    card = json.loads(done.report.read_text())
    cards = {"a on x": card, "a on y": card, "b on x": card}
    arrays = {name: {} for name in cards}
    copy = runs.load(shutil.copytree(done.path, "b"))
    copy.config["seed"] = 7
    found = compare.figures(cards, arrays, {"a on x": done, "a on y": done, "b on x": copy})
    assert found["settings"] == {"seed": {"a on x": "0", "b on x": "7"}}
    assert [*found["curves"]["train/loss"]] == ["a on x", "b on x"]
    assert len(found["apart"]) == 3  # there are no predictions
