import io
import re
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import NonCallableMock

import pytest
import pytorch_lightning as pl
from rich.console import Console

from manyviews.callbacks import progress
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.progress import Progress
from manyviews.methods.swav import SwAV


def test_a_pipe_gets_one_line_per_epoch(fit, capsys):
    fit(Metrics(Path("m.jsonl"), 1), Progress())
    first, second = capsys.readouterr().out.splitlines()
    figures = r"loss \d\.\d{4}  [\d,]+ images/s  data wait \d+%  0:\d\d left"
    assert re.fullmatch(f"epoch 1/2  {figures}", first)
    assert re.fullmatch(f"epoch 2/2  {figures}", second) and "0:00 left" in second


def lines_of(monkeypatch, capsys, *, seconds, epochs=20, steps=78, first_epoch=0, resumed_at=0):
    """Return what is printed in 50 steps of so many seconds, the first of which takes a minute."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    trainer = NonCallableMock(
        spec=pl.Trainer,
        callbacks=[Metrics(Path("m.jsonl"), 10)],
        datamodule=None,
        is_global_zero=True,
        current_epoch=first_epoch,
        max_epochs=epochs,
        global_step=resumed_at,
        estimated_stepping_batches=epochs * steps,
    )
    shown = Progress()
    method = NonCallableMock(spec=pl.LightningModule)
    shown.on_train_start(trainer, method)
    for taken in [60.0, *[seconds] * 49]:
        clock.now += taken
        trainer.global_step += 1
        shown.on_train_batch_end(trainer, method, None, None, 0)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.15, "4 min"), (0.0, None), (0.05, None), (0.11, "3 min"), (10, "4.3 h")],
)
def test_it_says_at_the_start_about_how_long_the_run_takes(seconds, said, monkeypatch, capsys):
    """1,560 steps; a run that has taken less than five seconds so far says nothing."""
    expected = [f"training takes about {said} for 20 epochs"] if said else []
    assert lines_of(monkeypatch, capsys, seconds=seconds) == expected


def test_a_resumed_run_says_how_long_the_rest_takes(monkeypatch, capsys):
    options = {"first_epoch": 19, "resumed_at": 19 * 78 + 8}
    (said,) = lines_of(monkeypatch, capsys, seconds=1.0, **options)
    assert said == "the rest of training takes about 59 s for 1 epoch"


@pytest.fixture
def on_a_terminal():
    progress = Progress()
    progress.console = Console(file=io.StringIO(), force_terminal=True, width=140)
    return progress


def test_a_terminal_gets_a_bar_with_loss_speed_wait_and_time_left(fit, on_a_terminal):
    fit(Metrics(Path("m.jsonl"), 1), on_a_terminal)
    drawn = on_a_terminal.console.file.getvalue()
    assert "epoch 2/2" in drawn and "8/8 steps" in drawn
    assert re.search(r"loss \d\.\d{4}  [\d,]+ images/s  data wait \d+%.*left", drawn)


def test_a_failing_run_gives_the_cursor_back(fit, on_a_terminal, monkeypatch):
    def broken(self, batch):
        raise RuntimeError("broken")

    monkeypatch.setattr(SwAV, "step", broken)
    with pytest.raises(RuntimeError, match="broken"):
        fit(Metrics(Path("m.jsonl"), 1), on_a_terminal)
    assert on_a_terminal.console.file.getvalue().rstrip().endswith("\x1b[?25h")
