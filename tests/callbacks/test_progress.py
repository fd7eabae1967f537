import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.progress import Progress
from manyviews.methods.swav import SwAV


def test_a_pipe_gets_one_line_per_epoch(fit, capsys):
    fit(Metrics(Path("m.jsonl"), 1), Progress())
    first, second = capsys.readouterr().out.splitlines()
    figures = r"loss \d\.\d{4}  [\d,]+ images/s  data wait \d+%  0:\d\d left"
    assert re.fullmatch(f"epoch 1/2  {figures}", first)
    assert re.fullmatch(f"epoch 2/2  {figures}", second) and "0:00 left" in second


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
