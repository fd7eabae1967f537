import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from manyviews import checkpoints
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import ONLINE, OnlineKNN
from manyviews.callbacks.stop import Stop, Stopped
from manyviews.errors import NotFinite

HERE = Path("checkpoints")  # of the run folder, the test's own


class Look(pl.Callback):
    """The step of last.ckpt as each batch ends, before that batch is saved."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        saved = checkpoints.newest(HERE)
        self.seen.append(saved.step if saved else 0)


def watched(every=500, stop=None):
    HERE.mkdir()
    return [Metrics(Path("m.jsonl"), 3), Checkpoint(HERE.parent, every, stop or Stop())]


def test_it_saves_every_n_steps_and_at_the_end_of_an_epoch(fit):
    look = Look()
    fit(look, *watched(every=3))
    assert look.seen == [0, 0, 0, 3, 4, 4, 6, 6]
    assert checkpoints.newest(HERE)[1:4] == (8, 2, ())
    assert checkpoints.read(HERE / "previous.ckpt")["global_step"] == 6


def test_a_checkpoint_in_mid_epoch_counts_whole_epochs(fit):
    stop = Stop()
    stop.requested = lambda: checkpoints.newest(HERE) is not None  # one step behind the first epoch
    with pytest.raises(Stopped):
        fit(*watched(stop=stop))
    assert checkpoints.newest(HERE)[1:4] == (4, 1, ())


def test_under_accumulation_it_saves_behind_whole_steps_only(fit):
    stop = Stop()
    asked = []
    stop.requested = lambda: bool(asked.append(1))
    fit(*watched(every=1, stop=stop), more=["trainer.accumulate_grad_batches=2"])
    assert len(asked) == 8  # eight steps of two batches


def test_the_best_is_the_highest_online_knn(fit, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(
        OnlineKNN,
        "on_train_epoch_end",
        lambda self, trainer, m: Metrics.of(trainer).write(
            trainer, {"online/knn@1/top1": next(scores)}
        ),
    )
    metrics, checkpoint = watched()
    fit(metrics, OnlineKNN(1), checkpoint, more=["epochs=3"])
    assert checkpoints.read(HERE / "best.ckpt")["global_step"] == 8
    callbacks = checkpoints.read(HERE / "last.ckpt")["callbacks"]
    assert {"best": 0.9, "metric": ONLINE} in callbacks.values()


class Logs(pl.Callback):
    """Logs these values of a metric, one at the end of each epoch."""

    def __init__(self, name, *values):
        self.logs, self.values = (name,), iter(values)

    def on_train_epoch_end(self, trainer, pl_module):
        Metrics.of(trainer).write(trainer, {self.logs[0]: next(self.values)})


def followed(fit, metric, *values):
    HERE.mkdir()
    checkpoint = Checkpoint(HERE.parent, 500, Stop(), metric)
    fit(Metrics(Path("m.jsonl"), 3), Logs(metric, *values), checkpoint, more=["epochs=3"])
    return checkpoints.read(HERE / "best.ckpt")["global_step"]


@pytest.mark.parametrize(
    ("metric", "values", "step"),
    [
        ("online/label_free@1/rankme", (5.0, 7.0, 6.0), 8),
        ("online/label_free@1/uniformity", (-2.0, -1.0, -3.0), 12),
        ("online/label_free@1/alpha_req", (0.9, 0.5, 1.3), 4),
        ("health/own", (float("nan"), 1.0, float("nan")), 8),
    ],
)
def test_the_best_follows_the_metric_that_is_named(fit, metric, values, step):
    assert followed(fit, metric, *values) == step


def test_the_best_can_follow_the_loss(fit):
    HERE.mkdir()
    fit(Metrics(Path("m.jsonl"), 4), Checkpoint(HERE.parent, 500, Stop(), "train/loss"))
    records = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    lowest = min(records, key=lambda r: r["train/loss"])["step"]
    assert checkpoints.read(HERE / "best.ckpt")["global_step"] == lowest


def test_a_resumed_run_compares_with_the_best_of_its_own_metric_only():
    state = Checkpoint(Path(), 500, Stop(), "train/loss").state_dict() | {"best": -2.0}
    same, other = (Checkpoint(Path(), 500, Stop(), name) for name in ("train/loss", ONLINE))
    for checkpoint in (same, other):
        checkpoint.load_state_dict(state)
    assert (same.best, other.best) == (-2.0, float("-inf"))
    other.load_state_dict({"best": 0.5})  # of a version that knew one metric
    assert other.best == 0.5


def test_a_metric_that_no_callback_logs_is_told_at_the_start_and_at_the_end(fit, capsys):
    HERE.mkdir()
    checkpoint = Checkpoint(HERE.parent, 500, Stop(), "online/label_free@1/rankme")
    fit(Metrics(Path("m.jsonl"), 3), checkpoint)
    first, last = (line for line in capsys.readouterr().out.splitlines() if "note" in line)
    assert "no callback logs best=online/label_free@1/rankme" in first
    assert "callbacks.online_label_free.every_n_epochs=10" in first
    assert "there is no best.ckpt, because best=online/label_free@1/rankme" in last
    assert "train/loss" in last


def test_nobody_who_removed_the_online_knn_is_told_that_there_is_no_best(fit, capsys):
    fit(*watched())
    assert "note" not in capsys.readouterr().out


def test_weights_that_are_not_finite_are_not_saved(fit):
    class Spoil(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step == 5:
                with torch.no_grad():
                    pl_module.backbone.conv1.weight[0] = torch.inf

    with pytest.raises(NotFinite, match="weights are not finite after step 5"):
        fit(Spoil(), *watched(every=1))
    assert checkpoints.newest(HERE).step == 4


def test_a_loss_that_is_not_finite_is_seen_before_it_is_saved(fit, monkeypatch):
    from manyviews.methods.swav import SwAV

    step = SwAV.step

    def broken(self, batch):
        output = step(self, batch)
        return output._replace(loss=output.loss + (torch.inf if self.global_step == 1 else 0))

    monkeypatch.setattr(SwAV, "step", broken)
    with pytest.raises(NotFinite, match="not finite at step 2"):
        fit(*watched(every=2))  # a record is due at step 3
    assert checkpoints.newest(HERE) is None
