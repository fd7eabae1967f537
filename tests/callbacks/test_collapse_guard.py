import json
from pathlib import Path

import contract
import pytest
import pytorch_lightning as pl
import torch

from manyviews.callbacks.collapse_guard import CollapseGuard, spread_and_rank
from manyviews.callbacks.metrics import Metrics
from manyviews.errors import Collapsed, ConfigError


def watched(fit, every=1, on_collapse="warn", more=()):
    guard = CollapseGuard(every, on_collapse)
    fit(Metrics(Path("m.jsonl"), 1), guard, more=more)
    return guard


def test_spread_and_rank_have_their_limits():
    even = torch.eye(8)
    assert spread_and_rank(even) == pytest.approx(((7 / 8) ** 0.5, 8))
    spread, rank = spread_and_rank(torch.ones(8, 5))
    assert spread == pytest.approx(0, abs=1e-6) and rank == pytest.approx(1, abs=1e-4)


def test_a_healthy_run_hears_nothing_and_logs_both_figures(fit, capsys):
    watched(fit, every=2)
    assert "collapse" not in capsys.readouterr().out
    records = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    looks = {r["step"]: r for r in records if "health/rank" in r}
    assert list(looks) == [2, 4, 6, 8]
    assert all(r["health/spread"] > 0.1 and r["health/rank"] > 1 for r in looks.values())


class Flat(pl.Callback):
    """Leaves nothing of the projections but the last layer's bias."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        torch.nn.init.zeros_(pl_module.projector[-1].weight)


def test_alike_projections_are_told_once_with_what_to_change(fit, capsys):
    fit(Metrics(Path("m.jsonl"), 1), Flat(), CollapseGuard(1))
    said = [line for line in capsys.readouterr().out.splitlines() if "same projection" in line]
    assert len(said) == 1 and "step 2" in said[0] and "lower optimizer.lr" in said[0]


def test_stop_ends_the_run_with_the_line(fit):
    with pytest.raises(Collapsed, match=r"ln K = 2\.079.*method\.epsilon"):
        watched(fit, on_collapse="stop", more=UNIFORM)


# A temperature so high that every prototype gets the same share: what a stuck run looks like.
UNIFORM = ["method.temperature=1000.0"]


def test_parallel_projections_of_tico_are_told_by_their_contrast(fit):
    base = contract.overrides("tico", "method.beta=0.0")
    with pytest.raises(Collapsed, match=r"contrast 8\.00 is near rho = 8"):
        fit(Metrics(Path("m.jsonl"), 1), Flat(), OwnSigns(1, "stop"), base=base)


class OwnSigns(CollapseGuard):
    """Only the method's own signs."""

    def _general_signs(self, spread, rank):
        return iter(())


class Close(pl.Callback):
    """Shuts the gate."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        torch.nn.init.constant_(pl_module.gate.mask[-2].bias, -20.0)
        torch.nn.init.zeros_(pl_module.gate.mask[-2].weight)


@pytest.mark.parametrize("method", ["hydra", "hydra_moco"])
def test_closed_gates_are_told(method, fit):
    base = contract.overrides(method)
    with pytest.raises(Collapsed, match=r"gates are closed, 0\.000 of the dimensions open"):
        fit(Metrics(Path("m.jsonl"), 1), Close(), OwnSigns(1, "stop"), base=base)


def test_a_fallen_rank_is_told(fit, capsys, monkeypatch):
    ranks = iter([30.0, 28.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(
        "manyviews.callbacks.collapse_guard.spread_and_rank", lambda z: (1.0, next(ranks))
    )
    watched(fit)
    said = [line for line in capsys.readouterr().out.splitlines() if "collapse" in line]
    assert len(said) == 1 and "step 4" in said[0] and "fell from 30.0 to 2.0" in said[0]


def test_a_resumed_run_speaks_up_at_the_same_step():
    guard, again = CollapseGuard(1), CollapseGuard(1)
    guard.highest, guard.seen, guard.told = 12.0, {"rank"}, {"spread"}
    again.load_state_dict(guard.state_dict())
    assert again.state_dict() == {"highest": 12.0, "seen": ["rank"], "told": ["spread"]}


def test_a_cadence_below_one_says_how_to_leave_it_out():
    with pytest.raises(ConfigError, match="every_n_steps=0.*callbacks.collapse=null"):
        CollapseGuard(0)
