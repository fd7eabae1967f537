from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from manyviews import checkpoints
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import OnlineKNN
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
    assert {"best": 0.9} in callbacks.values()


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
