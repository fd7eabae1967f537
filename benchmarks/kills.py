"""Kill real runs with SIGKILL at random moments; every one must end as if nothing had happened.

    python benchmarks/kills.py                          # all methods, 10 minutes on two cores
    python benchmarks/kills.py --methods tico vicreg    # only told, the page stays as it is

Writes docs/resume.md. The comparison is that of tests/test_resume.py: every weight, optimizer
state, buffer and logged scalar but times, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "resume.md"
SUPPORT = ROOT / "tests" / "support"
EPOCHS = 120  # longer than all kills together
HEAD = """# Resume

Made by `make kills`: real `manyviews pretrain` processes die by SIGKILL {kills} times at random
moments (uniform in the first {seconds} s of each process), then the run is finished and compared
with one that was left alone: weights, optimizer state, buffers, schedules, callbacks and every
logged scalar but times, bit for bit, on the same number of threads.

| method | saved step after each kill | last step | equal |
| --- | --- | --- | --- |
"""


def killed(name: str, kills: int, seconds: float, chance: random.Random) -> str:
    """Kill a run of this method again and again, finish it, compare; a row of the table."""
    import contract
    import killer
    from same import assert_same, logged, result

    from manyviews import checkpoints, runs

    config_dir = str(SUPPORT / "conf")
    overrides = contract.overrides(name, f"epochs={EPOCHS}", "save_every_n_steps=3")
    standing: list[int] = []
    for _ in range(kills):
        code = killer.pretrain(overrides, config_dir, ("time", chance.uniform(0, seconds)))
        if code != -9:
            raise SystemExit(f"{name} ended with {code} before kill {len(standing) + 1}")
        standing.append(_saved_step())
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
    at = ", ".join(map(str, standing))
    return f"| {name} | {at} | {contents[0]['global_step']} | yes |"


def _saved_step() -> int:
    from manyviews import checkpoints

    for folder in Path("runs").glob("*/checkpoints"):
        if saved := checkpoints.newest(folder):
            return saved.step
    return 0


def main() -> None:
    """Kill every method, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", metavar="METHOD")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.path.insert(0, str(SUPPORT))
    os.environ["MANYVIEWS_TRUST"] = "small_data.,small_series."
    import contract

    rows = []
    for name in given.methods or contract.METHODS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            rows.append(killed(name, given.kills, given.seconds, random.Random(given.seed)))
            os.chdir(ROOT)
        print(rows[-1])
    if not given.methods:
        head = HEAD.format(kills=given.kills, seconds=given.seconds)
        PAGE.write_text(head + "\n".join([*rows, ""]))
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
