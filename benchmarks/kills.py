"""Kill real runs with SIGKILL at random moments, resume them, and write docs/resume.md.

    python benchmarks/kills.py                          # all methods, 10 minutes on two cores
    python benchmarks/kills.py --methods tico vicreg    # prints these; the page stays as it is

A killed run must end like one that was left alone. The comparison is that of tests/test_resume.py:
every weight, optimizer state, buffer and logged scalar except times, bit for bit. A page is only
written from a clean working tree.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from commits import clean_commit, measured_at

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "resume.md"
SUPPORT = ROOT / "tests" / "support"
EPOCHS = 120  # the run is not finished before the last kill
HEAD = """# Resume

Written by `make kills`: for every method a `manyviews pretrain` process is killed with SIGKILL
{kills} times, each time at a random moment in the first {seconds} s of the process. The run is then
finished and compared with a run that was left alone, on the same number of threads. *Equal* means
bit for bit: weights, optimizer state, buffers, schedules, callbacks and every logged scalar except
times. {measured}

| method | saved step after each kill | last step | equal |
| --- | --- | --- | --- |
"""


def kill_and_resume(name: str, kills: int, seconds: float, chance: random.Random) -> str:
    """Return a row of the table: kill a run of this method repeatedly, finish it, compare it."""
    import contract
    import killer
    from same import assert_same, logged, result

    from manyviews import checkpoints, runs

    config_dir = str(SUPPORT / "conf")
    overrides = contract.overrides(name, f"epochs={EPOCHS}", "save_every_n_steps=3")
    saved_at: list[int] = []
    for _ in range(kills):
        code = killer.pretrain(overrides, config_dir, ("time", chance.uniform(0, seconds)))
        if code != -9:
            raise SystemExit(f"{name} ended with {code} before kill {len(saved_at) + 1}")
        saved_at.append(_saved_step())
    # Finish the killed run, then train the same run undisturbed.
    for more in ([], ["runs=whole"]):
        if code := killer.pretrain([*overrides, *more], config_dir):
            raise SystemExit(f"{name} ended with {code}")
    folders = [next(Path(where).iterdir()) for where in ("runs", "whole")]
    ours, theirs = (runs.load(folder) for folder in folders)
    contents: list[Any] = [
        checkpoints.read(run.checkpoints / "last.ckpt") for run in (ours, theirs)
    ]
    assert_same(result(contents[0]), result(contents[1]))
    assert_same(logged(folders[0]), logged(folders[1]))
    at = ", ".join(map(str, saved_at))
    return f"| {name} | {at} | {contents[0]['global_step']} | yes |"


def _saved_step() -> int:
    from manyviews import checkpoints

    for folder in Path("runs").glob("*/checkpoints"):
        if saved := checkpoints.newest(folder):
            return saved.step
    return 0


def main() -> None:
    """Kill and resume a run of every method, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", metavar="METHOD")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    commit = None if given.methods else clean_commit()
    sys.path.insert(0, str(SUPPORT))
    os.environ["MANYVIEWS_TRUST"] = "small_data.,small_series."
    import contract

    rows = []
    for name in given.methods or contract.METHODS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            rows.append(
                kill_and_resume(name, given.kills, given.seconds, random.Random(given.seed))
            )
            os.chdir(ROOT)
        print(rows[-1])
    if not given.methods:
        head = HEAD.format(kills=given.kills, seconds=given.seconds, measured=measured_at(commit))
        PAGE.write_text(head + "\n".join([*rows, ""]))
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
