"""Kill a real sweep and its trials with SIGKILL at random moments, and write docs/sweep_kills.md.

    python benchmarks/sweep_kills.py             # 20 kills, 10 minutes on two cores
    python benchmarks/sweep_kills.py --kills 3   # prints the table; the page stays as it is

The sweep trains four runs, two at a time. It is killed again and again: the command, one of its
trials, or both, and begun again with the same command. In the end its leaderboard and every weight
of every run must be those of a sweep that was left alone with the same `-j`. A page is written from
a clean working tree only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from commits import clean_commit, measured_at

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "sweep_kills.md"
SUPPORT = ROOT / "tests" / "support"
USUAL = 20  # kills of the page
EPOCHS = 800  # a run takes longer than the time between two kills
SECONDS = 12.0  # a kill comes at a random moment within these
VICTIMS = ("the command", "a trial", "both")
COST = ("seconds", "images_per_s", "memory", "paths")  # what kills do change in a leaderboard
HEAD = """# Kills of sweeps

Written by `make sweepkills`: a sweep of four runs, two at a time, is killed with SIGKILL {kills}
times, each time at a random moment in {seconds:.0f} s: the command, one of its trials, or both. The
same command then goes on. *Begun* is the number of processes that have worked on a run. *Equal*
means bit for bit, compared with a sweep that was left alone: weights, optimizer state, buffers,
schedules, callbacks and logged scalars except times. {measured}

{found}

| run | begun | equal |
| --- | --- | --- |
"""


def command(runs: str) -> list[str]:
    """Return the command of the sweep, whose runs lie in the folder `runs`."""
    import contract

    longer = {"epochs": EPOCHS, "save_every_n_steps": 20}
    usual = [text for text in contract.overrides("swav") if text.partition("=")[0] not in longer]
    overrides = [*usual, *(f"{key}={value}" for key, value in longer.items())]
    overrides += [f"runs={runs}", f"sweep.name={runs}", "optimizer.lr=1e-3,1e-2", "seed=0,1"]
    words = [sys.executable, "-W", "ignore", "-m", "manyviews", "pretrain", "-m", *overrides]
    return [*words, "-j", "2", "--config-dir", str(SUPPORT / "conf")]


def begin(runs: str) -> subprocess.Popen[bytes]:
    """Begin the sweep as a process of its own."""
    with Path(f"{runs}.log").open("ab") as log:
        return subprocess.Popen(command(runs), stdout=log, stderr=subprocess.STDOUT)


def kill_and_continue(kills: int, chance: random.Random) -> list[str]:
    """Kill the sweep in the folder `killed` so many times, and return whom each kill hit."""
    hit: list[str] = []
    process = begin("killed")
    while len(hit) < kills:
        time.sleep(chance.uniform(0, SECONDS))
        victim = chance.choice(VICTIMS)
        if victim != "a trial":
            process.kill()
            process.wait()
        if victim != "the command":
            victim = _kill_a_trial(chance, victim)
        if victim:
            hit.append(victim)
        if process.poll() == 2:
            break  # a mistake, which the log tells
        if process.poll() is not None:
            process = begin("killed")
    for _ in range(5):  # a trial that was killed is tried again by the next call
        if process.wait() == 0:
            return hit
        process = begin("killed")
    raise SystemExit(f"the sweep does not end: {Path('killed.log').read_text()[-500:]}")


def _kill_a_trial(chance: random.Random, victim: str) -> str:
    """Kill one of the processes that train, and return whom this kill hit."""
    from manyviews.sweeps import attempts
    from manyviews.sweeps.launchers import processes

    sweep = Path("sweeps/killed")
    living = [
        int(file.stem)
        for file in sorted(sweep.glob("trials/*.lock"))
        if not processes.is_free(file)
    ]
    if not living:
        return "the command" if victim == "both" else ""
    pid = attempts.process_of(sweep, chance.choice(living))
    with suppress(ProcessLookupError):
        os.kill(pid or 0, signal.SIGKILL)
    return victim


def main() -> None:
    """Kill a sweep, compare it with one that was left alone, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=USUAL)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    commit = clean_commit() if given.kills == USUAL else None
    sys.path.insert(0, str(SUPPORT))
    os.environ |= {"MANYVIEWS_TRUST": "small_data.,small_series.", "OMP_NUM_THREADS": "1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        hit = kill_and_continue(given.kills, random.Random(given.seed))
        if code := begin("alone").wait():
            raise SystemExit(f"the sweep that is left alone ended with {code}")
        rows = compared()
        os.chdir(ROOT)
    counts = ", ".join(f"{victim} {hit.count(victim)} times" for victim in VICTIMS)
    found = f"Killed were {counts}. The leaderboards of both sweeps are equal."
    print("\n".join([found, *rows]))
    if given.kills == USUAL:
        measured = measured_at(commit)
        head = HEAD.format(kills=len(hit), seconds=SECONDS, measured=measured, found=found)
        PAGE.write_text(head + "\n".join([*rows, ""]))
        print(f"wrote {PAGE}")


def compared() -> list[str]:
    """Return a row per run, after comparing both sweeps; an assertion fails if they differ."""
    from same import assert_same, logged, result

    from manyviews import checkpoints
    from manyviews.sweeps import attempts
    from manyviews.sweeps.boards.leaderboard import leaderboard
    from manyviews.sweeps.plan import load

    boards = []
    for name in ("killed", "alone"):
        board = leaderboard([f"sweeps/{name}"], by="eval/knn@1+0eb8/top1")
        kept = [{k: v for k, v in row._asdict().items() if k not in COST} for row in board.rows]
        boards.append(json.dumps([board.metric, kept]))
    assert boards[0] == boards[1], boards
    begun: dict[int, int] = {}
    for record in attempts.read(Path("sweeps/killed")):
        begun[record["trial"]] = begun.get(record["trial"], 0) + ("pid" in record)
    rows = []
    trials = zip(load(Path("sweeps/killed")).trials, load(Path("sweeps/alone")).trials, strict=True)
    for ours, theirs in trials:
        folders = Path(ours.folder), Path(theirs.folder)
        contents: list[Any] = [
            checkpoints.read(path / "checkpoints" / "last.ckpt") for path in folders
        ]
        assert_same(result(contents[0]), result(contents[1]))
        assert_same(logged(folders[0]), logged(folders[1]))
        rows.append(f"| {folders[0].name} | {begun[ours.number]} | yes |")
    return rows


if __name__ == "__main__":
    main()
