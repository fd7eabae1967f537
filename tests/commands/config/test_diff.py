"""`manyviews config diff A B`: what differs, and whether both are the same run."""

from pathlib import Path

import pytest

from manyviews.cli import main
from manyviews.commands.config.diff import compare, lines
from manyviews.errors import ConfigError

OLD = Path(__file__).parents[2] / "golden" / "run_of_format_1"


def test_choices_and_keys_that_differ_are_told_with_both_values():
    found = compare("experiment=mini", "experiment=mini method=simclr epochs=3")
    assert found.choices == [("method", "swav", "simclr")]
    assert ("epochs", "12", "3") in found.keys
    assert ("method.iterations", "3", "-") in found.keys
    assert not any(row.key.startswith(("data", "backbone")) for row in found.keys)
    assert found.verdict.startswith("two runs: runs/swav-") and "runs/simclr-" in found.verdict


def test_settings_that_do_not_change_the_result_are_the_same_run():
    found = compare("method=swav", "method=swav trainer.devices=2 logger.wandb=null")
    assert found.keys == [("trainer.devices", "1", "2"), ("logger.wandb", "open_wandb", "null")]
    assert found.verdict.startswith("the same run, runs/swav-")
    assert found.verdict.endswith("what differs does not change its result")


def test_nothing_that_differs_is_told(capsys):
    assert main(["config", "diff", "", "method=swav"]) == 0
    out = capsys.readouterr().out
    assert out.count("no difference") == 2 and "(no overrides)" in out


def test_a_number_of_another_type_is_a_difference_because_it_names_another_run():
    found = compare("schedule.warmup_epochs=10", "")
    assert found.keys == [("schedule.warmup_epochs", "10", "10.0")]
    assert found.verdict.startswith("two runs")


def test_another_seed_is_another_run():
    assert compare("seed=1", "seed=2").verdict.startswith("two runs")


def test_a_run_is_the_same_as_the_command_that_made_it(done, config_dir, small):
    command = " ".join([*small, f"runs={done.path.parent}"])
    found = compare(str(done.path), command, config_dir)
    assert (found.choices, found.keys) == ([], [])
    assert found.verdict == f"the same run, {done.path}"


def test_the_same_settings_in_two_folders_are_told(done, config_dir, small):
    found = compare(str(done.path), " ".join([*small, "runs=elsewhere"]), config_dir)
    assert found.verdict.startswith("the same result, in two folders: ")


def test_a_run_of_an_earlier_format_is_compared_in_todays_form():
    command = " ".join((OLD / "overrides.txt").read_text().split())
    found = compare(str(OLD), command)
    # Settings that came later and have no influence on the result.
    callbacks = {"callbacks.online_label_free", "callbacks.other_data", "callbacks.eigenvalues"}
    later = {*callbacks, "best", "measures"}
    assert found.choices == [] and {difference.key for difference in found.keys} == later
    assert found.verdict.startswith("the same result, in two folders")


def test_initial_weights_that_are_gone_hide_no_difference():
    found = compare("init=gone.ckpt", "epochs=3")
    assert ("init", "gone.ckpt", "null") in found.keys
    assert found.verdict.startswith("whether both are the same run cannot be told: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("runs/none", "'runs/none' is neither a run folder nor key=value"),
        (".", "is not a run folder: it holds no config.yaml"),
        ("epochs='3", "cannot read 'epochs='3'"),
        ("epoch=3", "unknown key 'epoch'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(given, said, capsys):
    with pytest.raises(ConfigError) as error:
        compare(given, "epochs=3")
    assert said in str(error.value)
    assert main(["config", "diff", "epochs=3", given]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_columns_line_up():
    table = [*lines("batch_size=3 seed=7", "")]
    start = table.index("keys        first  second")
    assert table[start + 1 : start + 3] == ["seed        7      0", "batch_size  3      256"]
