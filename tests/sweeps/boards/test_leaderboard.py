import csv
import io
import json
import time
from pathlib import Path
from statistics import mean, stdev

import pytest
from rich.console import Console
from run_folders import write
from scipy import stats

from manyviews import runs
from manyviews.errors import ConfigError
from manyviews.sweeps.boards import forms, leaderboard
from manyviews.sweeps.boards.leaderboard import CHOSEN_ON_TEST

VAL, TEST = "val/knn@1/top1", "eval/knn@1/top1"


def three_methods():
    for seed, (swav, tico) in enumerate([(0.80, 0.70), (0.82, 0.76), (0.84, 0.70)]):
        write(f"swav-{seed}", "swav", seed, val=swav, test=swav - 0.1, prototypes=30)
        write(f"tico-{seed}", "tico", seed, val=tico, test=0.9)
    write("vicreg-0", "vicreg", state="failed")


def test_rows_are_means_over_seeds_with_the_best_first():
    three_methods()
    board = leaderboard.leaderboard(["runs"])
    assert board.metric == VAL
    swav, tico, vicreg = board.rows
    assert [row.keys for row in board.rows] == [{"method": m} for m in ("swav", "tico", "vicreg")]
    assert swav.value == pytest.approx(mean([0.80, 0.82, 0.84]))
    assert swav.spread == pytest.approx(stdev([0.80, 0.82, 0.84])) and swav.runs == 3
    assert tico.value == pytest.approx(0.72) and tico.states == {"finished": 3}
    assert vicreg.value is None and vicreg.states == {"failed": 1}
    assert (swav.seconds, swav.images_per_s) == (60.0, 500.0)
    assert board.notes == ["1 of 7 runs failed"]


def test_the_difference_to_the_best_is_paired_over_the_seeds_of_both():
    three_methods()
    write("swav-9", "swav", 9, val=0.9, prototypes=30)  # a seed that the other one lacks
    best, tico, vicreg = leaderboard.leaderboard(["runs"]).rows
    pairs = [0.70 - 0.80, 0.76 - 0.82, 0.70 - 0.84]
    half = stats.t.ppf(0.975, 2) * stats.sem(pairs)
    assert tico.minus_best == pytest.approx(
        (mean(pairs), mean(pairs) - half, mean(pairs) + half, 3)
    )
    assert best.minus_best is None and vicreg.minus_best is None


@pytest.mark.parametrize("seeds", [(0, 1), (0, 0)])
def test_without_two_seeds_of_both_there_is_no_interval_but_the_command_that_compares(seeds):
    write("swav-0", seed=seeds[0], val=0.5)
    write("tico-0", "tico", seed=seeds[1], val=0.25)
    board = leaderboard.leaderboard(["runs"])
    assert board.rows[1].minus_best == (-0.25, None, None, int(seeds == (0, 0)))
    assert "`manyviews compare runs/swav-0 runs/tico-0` compares" in board.notes[0]


def test_scores_on_other_data_are_not_subtracted():
    path = write("swav-0", val=0.5)
    score = {"protocol": "knn@1", "metric": "top1", "subject": "trained", "value": 0.3}
    content = {"scores": [{**score, "split": "val"}], "data": {"name": "pets", "fingerprint": {}}}
    runs.write_json(path / "evaluations" / "pets-1" / "report.json", content)
    assert leaderboard.leaderboard(["runs"]).rows[1].minus_best is None


def test_a_choice_by_a_score_on_test_items_carries_a_note():
    three_methods()
    board = leaderboard.leaderboard(["runs"], by=TEST)
    assert board.rows[0].keys == {"method": "tico"} and CHOSEN_ON_TEST in board.notes
    one = leaderboard.leaderboard(["runs"], by=TEST, where=["method=swav"])
    assert CHOSEN_ON_TEST not in one.notes  # nothing is chosen among one setting


def test_only_settings_that_differ_are_columns_and_conditions_and_groups_choose():
    for lr in (0.1, 0.2):
        for seed in (0, 1):
            write(f"swav-{lr}-{seed}", seed=seed, lr=lr, val=lr)
    board = leaderboard.leaderboard(["runs"])
    assert [row.keys for row in board.rows] == [{"optimizer.lr": 0.2}, {"optimizer.lr": 0.1}]
    (row,) = leaderboard.leaderboard(["runs"], group=["method"]).rows
    assert row.runs == 4
    (row,) = leaderboard.leaderboard(["runs"], where=["optimizer.lr=0.2", "seed=1"]).rows
    assert row.runs == 1


def test_run_folders_sweep_folders_and_scores_on_other_data_are_read():
    path = write("swav-0", val=0.5)
    other = {"name": "pets", "fingerprint": {}}
    score = {"protocol": "knn@1", "metric": "top1", "subject": "trained", "value": 0.3}
    content = {"scores": [{**score, "split": "val"}], "data": other}
    runs.write_json(path / "evaluations" / "pets-1" / "report.json", content)
    board = leaderboard.leaderboard(["runs/swav-0"])
    assert [(row.keys, row.value) for row in board.rows] == [
        ({"data": "a"}, 0.5),
        ({"data": "pets"}, 0.3),
    ]
    sweep = Path("sweeps/some")
    sweep.mkdir(parents=True)
    trial = {"number": 0, "overrides": [], "folder": str(path), "config": {}, "choices": {}}
    (sweep / "plan.jsonl").write_text(json.dumps(trial) + "\n")
    assert leaderboard.leaderboard(["sweeps/some"], where=["data=a"]).rows[0].runs == 1


def test_what_is_no_run_is_skipped_and_counted():
    write("swav-0", val=0.5)
    for name, text in {"notes": "", "half": "{", "list": "- 1", "other": "a: 1"}.items():
        Path("runs", name).mkdir()
        Path("runs", name, "config.yaml").write_text(text)
    assert leaderboard.leaderboard(["runs"]).notes == ["4 folders are no runs and were skipped"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "val/knn@1/top2"}, "unknown score 'val/knn@1/top2': did you mean 'val/knn@1/top1'"),
        ({"group": ["metod"]}, "unknown key 'metod': did you mean 'method'"),
        ({"where": ["method"]}, "--where method: type KEY=VALUE"),
        ({"where": ["method=tico"]}, "no run that meets method=tico in runs"),
    ],
)
def test_a_mistake_is_one_line(options, said):
    write("swav-0", val=0.5)
    with pytest.raises(ConfigError, match=said):
        leaderboard.leaderboard(["runs"], **options)


def test_folders_without_a_run_or_a_score_say_so():
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match="no run in empty"):
        leaderboard.leaderboard(["empty"])
    with pytest.raises(ConfigError, match="nowhere is no folder"):
        leaderboard.leaderboard(["nowhere"])
    write("swav-0", state="training")
    with pytest.raises(ConfigError, match="none of these runs has a score yet"):
        leaderboard.leaderboard(["runs"])


def test_csv_markdown_and_json_have_what_the_table_has():
    three_methods()
    write("odd|name", "a|b", val=0.1)
    board = leaderboard.leaderboard(["runs"])
    read = list(csv.DictReader(io.StringIO(forms.as_csv(board))))
    assert [row["method"] for row in read] == ["swav", "tico", "a|b", "vicreg"]
    assert float(read[0][VAL]) == board.rows[0].value and read[3][VAL] == ""
    assert json.loads(forms.as_json(board))["rows"][1]["value"] == board.rows[1].value
    numbers = [float(read[1][key]) for key in ("minus_best", "minus_best_low", "minus_best_high")]
    assert [*numbers, int(read[1]["seeds_of_both"])] == [*(board.rows[1].minus_best or ())]
    assert read[0]["minus_best"] == "" and read[2]["minus_best_low"] == ""
    of_json = json.loads(forms.as_json(board))["rows"]
    assert of_json[1]["minus_best"] == board.rows[1].minus_best._asdict()
    assert of_json[0]["minus_best"] is None
    text = forms.as_markdown(board)
    assert "-10.00 (-19.94 to -0.06)" in text
    assert "| swav | 82.00 % ± 2.00 |  | 3 | 3 finished | 1.0 min | 500 | - |" in text
    assert "| a\\|b |" in text
    console = Console(width=110)
    with console.capture() as captured:
        console.print(forms.table(board))
    assert "82.00 % ± 2.00" in captured.get() and "-10.00 (-19.94 to -0.06)" in captured.get()


def test_five_hundred_runs_are_read_in_two_seconds():
    for i in range(500):
        write(f"swav-{i}", seed=i, lr=0.1 * (1 + i % 5), val=0.5, test=0.5)
    began = time.process_time()
    board = leaderboard.leaderboard(["runs"])
    assert len(board.rows) == 5 and board.rows[0].runs == 100
    assert time.process_time() - began < 2
