"""Sweeps whose trials are stand-ins (trial.py), and what becomes of them."""

import json
import sys
import time
from pathlib import Path

import pytest

from manyviews.sweeps.plan import Sweep, Trial

STAND_IN = [sys.executable, str(Path(__file__).with_name("trial.py"))]


def planned(*acts, needs=None, name="some"):
    """A sweep whose trials do what their configs say."""
    path = Path("sweeps", name)
    trials = [
        Trial(i, [f"seed={i}"], f"runs/r{i}", act, {}, (needs or {}).get(i))
        for i, act in enumerate(acts)
    ]
    path.mkdir(parents=True)
    lines = (json.dumps(trial._asdict()) + "\n" for trial in trials)
    (path / "plan.jsonl").write_text("".join(lines))
    return Sweep(path, trials)


def begun():
    return [line.split()[0] for line in Path("runs/begun.txt").read_text().splitlines()]


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def children_of(word):
    """Living processes of this test's folder whose command holds a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text()
            here = (folder / "cwd").resolve() == Path.cwd()
            living = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            continue
        if here and living and word in command:
            found.append(int(folder.name))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
