import json
import shutil
from pathlib import Path

import pytest

from manyviews import cli, panels, scoring, train
from manyviews.commands import compare
from manyviews.errors import ConfigError


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_three_runs_are_compared_and_cka_is_computed_by_evaluate_alone(
    done, small, config_dir, capsys
):
    others = [train.pretrain([*small, f"seed={s}"], config_dir) for s in (1, 2)]
    given = [str(run.path) for run in (done, *others)]
    capsys.readouterr()
    assert cli.main(["compare", *given]) == 0
    text = said(capsys)
    assert "seed 0 1 2" in text and "train/loss A" in text and "B minus C" in text
    assert "A and B disagree on" in text and "CKA" not in text
    (file,) = Path("comparisons").glob("*/comparison.json")
    assert json.loads(file.read_text())["cka"] == []

    found = scoring.evaluate([f"run=[{','.join(given)}]", "evaluation=[knn]", "logger=null"])
    assert found.comparison.samefile(file)
    rows = json.loads(file.read_text())["cka"]
    assert (rows[0]["first"], rows[0]["second"]) == (done.path.name, others[0].path.name)
    assert len(rows) == 3 and all(0 < r["values"][-1][-1] < 1 for r in rows)

    compare.show(given)  # it reads no data, and shows what evaluate computed
    assert "CKA of the embeddings of A and C" in said(capsys)
    names = [panel.name for panel in panels.load(file.with_name("panels.npz"))]
    assert names[0] == "runs" and {"settings", "curves", "cka", "neighbours"} <= {*names}


def test_one_run_or_one_without_scores_is_refused_in_one_line(done):
    with pytest.raises(ConfigError, match="type two or more run folders"):
        compare.show([str(done.path)])
    shutil.copytree(done.path, "copy", ignore=shutil.ignore_patterns("report"))
    with pytest.raises(ConfigError, match="copy has no scores yet; type manyviews evaluate run="):
        compare.show([str(done.path), "copy"])
