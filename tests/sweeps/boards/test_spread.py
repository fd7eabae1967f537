import pytest
from rich.console import Console
from run_folders import write

from manyviews import cli
from manyviews.errors import ConfigError
from manyviews.sweeps.boards import spread
from manyviews.sweeps.boards.leaderboard import leaderboard


def pairs():
    """Two backbones with two optimizers, one of them with two rates and two seeds."""
    values = {
        ("conv", "SGD", 0.1): [0.90, 0.92],
        ("conv", "SGD", 0.2): [0.50, 0.50],
        ("conv", "AdamW", 0.1): [0.80, 0.82],
        ("vit", "SGD", 0.1): [0.40, 0.40],
        ("vit", "AdamW", 0.1): [0.60, 0.64],
        ("mlp", "SGD", 0.1): [0.30],
    }
    for (backbone, optimizer, lr), scores in values.items():
        for seed, val in enumerate(scores):
            name = f"{backbone}-{optimizer}-{lr}-{seed}"
            write(
                name,
                seed=seed,
                lr=lr,
                val=val,
                choices={"backbone": backbone, "optimizer": optimizer},
            )


def test_each_backbone_has_its_best_optimizer_and_the_spread_over_them():
    pairs()
    made = spread.spread(leaderboard(["runs"]), "backbone", "optimizer")
    assert (made.metric, made.columns) == ("val/knn@1/top1", ["AdamW", "SGD"])
    conv, vit, mlp = made.lines
    assert conv.scores == pytest.approx({"SGD": 0.91, "AdamW": 0.81})  # the better rate counts
    assert (conv.name, conv.best) == ("conv", "SGD") and conv.spread == pytest.approx(
        0.0707, abs=1e-4
    )
    assert (vit.name, vit.best) == ("vit", "AdamW") and vit.spread == pytest.approx(
        0.1556, abs=1e-4
    )
    assert mlp.scores == {"SGD": 0.3} and mlp.spread is None
    console = Console(width=100, record=True)
    console.print(spread.table(made))
    said = console.export_text()
    assert "best optimizer" in said and "± 7.07" in said and "30.00 %" in said


def test_the_command_prints_it(capsys):
    pairs()
    typed = ["leaderboard", "--group", "backbone", "--over", "optimizer"]
    assert cli.main(typed) == 0
    assert "best optimizer" in capsys.readouterr().out
    assert cli.main([*typed, "--csv"]) == 2
    assert "--over optimizer: type one --group KEY, too, and no --csv" in capsys.readouterr().err


def test_a_setting_that_is_the_same_in_all_runs_has_no_spread():
    pairs()
    with pytest.raises(ConfigError, match="data is the same in all of these runs; they differ in "):
        spread.spread(leaderboard(["runs"]), "backbone", "data")
