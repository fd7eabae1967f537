"""`manyviews reproduce` with real runs."""

import json
import os
import sys
from pathlib import Path

import pytest

from manyviews import cli, runs


@pytest.fixture
def typed(config_dir, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return ["reproduce", "table=toy", "--config-dir", config_dir]


@pytest.mark.slow
def test_figures_outside_their_band_are_named_and_what_is_finished_is_not_run_again(typed, capfd):
    assert cli.main([*typed, "--dry-run"]) == 0
    said = capfd.readouterr().out
    assert "1 runs: 1 planned" in said and not Path("runs").exists()
    assert cli.main(typed) == 1
    said, told = capfd.readouterr()
    assert "1 of 2 figures are not within what is expected: exact kNN" in told
    (folder,) = Path("sweeps").iterdir()
    text = (folder / "table.md").read_text()
    assert "| vague | kNN | 1 | " in text and " | 50.0 ± 100.0 | yes | a toy |" in text
    judged = json.loads((folder / "table.json").read_text())["figures"]
    assert [one["out"] for one in judged] == [False, True]
    before = (folder / "attempts.jsonl").read_text()
    assert cli.main([*typed, "rows=[vague]", "file=vague.md"]) == 0  # shares the run
    assert cli.main(typed) == 1
    assert (folder / "attempts.jsonl").read_text() == before
    assert (
        "| vague |" in Path("vague.md").read_text() and "exact" not in Path("vague.md").read_text()
    )
    capfd.readouterr()
    assert cli.main(["sweep", str(folder)]) == 0
    assert "1 runs: 1 finished" in capfd.readouterr().out
    environment = json.loads((next(Path("runs").iterdir()) / "environment.json").read_text())
    assert environment["commit"]  # of this checkout


def test_a_run_of_an_earlier_command_gets_the_scores_that_it_lacks(
    done_here, small, config_dir, typed, capfd
):
    """The folder of a run does not depend on the protocols that it is scored under."""
    Path("tables").mkdir()
    rest = [text for text in small if not text.startswith("evaluation")]
    Path("tables", "toy.yaml").write_text(
        json.dumps(
            {
                "title": "t",
                "runs": [*rest, "evaluation=[ncm]"],
                "seeds": [done_here.config["seed"]],
                "columns": {"NCM": "eval/ncm@1/top1"},
                "rows": {"all": {"overrides": []}},
            }
        )
    )
    for name in ("data", "backbone"):
        Path(name).symlink_to(Path(config_dir, name))
    assert cli.main(["reproduce", "table=toy", "--config-dir", "."]) == 0
    card = runs.load(done_here.path).report.read_text()
    assert '"ncm@1"' in card and '"knn@1' in card
    (line,) = [
        x
        for x in next(Path("sweeps").glob("*/table.md")).read_text().splitlines()
        if "| all | 2 |" in x
    ]
    assert "| - |" not in line


def test_a_recipe_that_has_changed_is_another_run(config_dir, capsys):
    Path("tables").mkdir()
    text = Path(config_dir, "tables", "toy.yaml").read_text()
    for name in ("data", "backbone"):
        Path(name).symlink_to(Path(config_dir, name))
    said = []
    for epochs in (1, 1, 2):
        Path("tables", "toy.yaml").write_text(text.replace("epochs=1", f"epochs={epochs}"))
        assert cli.main(["reproduce", "table=toy", "--dry-run", "--config-dir", "."]) == 0
        said.append(capsys.readouterr().out.splitlines())
    first, again, changed = ([line for line in one if line.startswith("sweeps/")] for one in said)
    assert first == again != changed
    assert any("not known before a run has finished" in line for line in said[0])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["table=toys"], "unknown table 'toys': did you mean 'toy'"),
        (["table=toy", "rows=[vag]"], "unknown row or seed 'vag': did you mean 'vague'"),
        (["table=toy", "seeds=[7]"], "unknown row or seed '7': allowed: 0"),
        (["table=toy", "overrides=[epoch=3]"], "epoch"),
        (["table=toy", "-j", "0"], "-j 0; allowed: 1 or more"),
        ([], "table is missing; type table=VALUE"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(more, said, config_dir, capsys):
    assert cli.main(["reproduce", *more, "--config-dir", config_dir]) == 2
    assert said in capsys.readouterr().err
    assert not Path("sweeps").exists() and not Path("runs").exists()
