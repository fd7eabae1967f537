"""Suites of protocols, as `evaluation=standard` chooses them."""

import pytest

from manyviews import config
from manyviews.errors import ConfigError

QUICK = ["knn", "linear_lbfgs"]
STANDARD = [*QUICK, "ncm", "low_shot", "clustering", "retrieval", "label_free"]
SERIES = ["linear_rebar", "knn_series", "clustering"]
FULL = [*STANDARD, "linear", "cka", "invariance"]
PROBES = ["swav", "barlow", "vicreg", "simsiam", "moco", "dino"]
PAPER = ["knn_dino", "knn_instdisc", "knn_mixbt", *(f"linear_{name}" for name in PROBES)]


def protocols(*overrides, command="evaluate"):
    given = ["run=runs/x", *overrides] if command == "evaluate" else overrides
    return config.compose(command, given)[0]["evaluation"]


@pytest.mark.parametrize("command", ["evaluate", "pretrain"])
@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("quick", QUICK),
        ("standard", STANDARD),
        ("series", SERIES),
        ("full", FULL),
        ("paper", PAPER),
        ("[standard,knn_dino]", [*STANDARD, "knn_dino"]),
        ("[knn_dino,standard]", ["knn_dino", *STANDARD]),
        ("[standard,knn]", STANDARD),
        ("[knn,standard]", ["knn", *STANDARD[1:]]),
        ("[standard,series]", [*STANDARD, "linear_rebar", "knn_series"]),
        ("[full,standard,quick]", FULL),
        ("knn", ["knn"]),
        ("[knn]", ["knn"]),
    ],
)
def test_a_suite_is_its_protocols(chosen, names, command):
    found = protocols(f"evaluation={chosen}", command=command)
    assert sorted(found) == sorted(names)
    assert all("_target_" in node and "version" in node for node in found.values())


def test_a_protocol_in_a_suite_is_its_file():
    alone = protocols("evaluation=[knn]")["knn"]
    assert protocols("evaluation=standard")["knn"] == alone


def test_a_protocol_of_a_suite_can_be_changed_and_removed():
    found = protocols("evaluation=standard", "evaluation.knn.headline=5", "evaluation.ncm=null")
    assert found["knn"]["headline"] == 5 and found["ncm"] is None


def test_the_default_is_the_quick_suite():
    for command in ("evaluate", "pretrain"):
        assert protocols(command=command) == protocols("evaluation=quick", command=command)


@pytest.mark.parametrize(
    ("given", "near"), [("standart", "standard"), ("[knn,quik]", "quick"), ("serie", "series")]
)
def test_an_unknown_suite_is_one_line_with_the_nearest_name(given, near):
    with pytest.raises(ConfigError, match=f"did you mean '{near}'") as error:
        protocols(f"evaluation={given}")
    assert "\n" not in str(error.value)


def test_an_experiment_may_choose_a_suite(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /evaluation: standard\n"
    )
    found = config.compose("pretrain", ["experiment=mine"], str(tmp_path))[0]["evaluation"]
    assert sorted(found) == sorted(STANDARD)


def test_a_suite_of_the_users_own(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "mine.yaml").write_text("defaults:\n  - knn_dino\n  - ncm\n")
    found = config.compose("evaluate", ["run=x", "evaluation=mine"], str(tmp_path))[0]["evaluation"]
    assert sorted(found) == ["knn_dino", "ncm"]


@pytest.mark.parametrize("command", ["evaluate", "pretrain"])
def test_series_are_evaluated_under_their_own_suite_unless_another_is_chosen(command):
    assert sorted(protocols("data=watch", command=command)) == sorted(SERIES)
    chosen = protocols("data=watch", "evaluation=quick", command=command)
    assert sorted(chosen) == sorted(QUICK)
    assert sorted(protocols("data=stl10", command=command)) == sorted(QUICK)
