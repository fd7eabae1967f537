"""Every method against its own random initialisation in equal time; writes docs/results.md.

    python benchmarks/results.py --jobs 2              # all runs: hours of processor time
    python benchmarks/results.py --only tico --seeds 0

A run is two commands in processes of their own, with one thread: `manyviews pretrain` on a recipe,
whose processor time is the time of the table, then `manyviews evaluate`. What is finished in the
folder `--runs` is not run again, so that this can be stopped and called again at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import results_page
from results_page import GATE_OPEN, Result

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "results.md"
RECIPE = "_fashion_mnist_mini"
VNE_WEIGHT = 0.5
SEEDS = (0, 1, 2)
FINISHED = "finished.json"


class Row(NamedTuple):
    """Runs that differ by the seed alone.

    Attributes:
        name: of the row and of its folder.
        overrides: of `manyviews pretrain`.
        seeds: of weights, order and views.
    """

    name: str
    overrides: list[str]
    seeds: tuple[int, ...] = SEEDS


def rows() -> list[Row]:
    """The recipes, SimLAP's ablation, VNE beside every method, and the demo."""
    files = ROOT.joinpath("conf", "experiment").glob(f"*{RECIPE}.yaml")
    methods = sorted(file.stem.removesuffix(RECIPE) for file in files)
    recipe = {method: f"experiment={method}{RECIPE}" for method in methods}
    vne = [
        "regularizer=vne",
        "regularizers.vne.reads=embedding",
        f"regularizers.vne.weight={VNE_WEIGHT}",
    ]
    return [
        *(Row(method, [recipe[method]]) for method in methods),
        Row(GATE_OPEN, [recipe["hydra"], "method.gate=open"]),
        *(Row(f"{method}, VNE", [recipe[method], *vne], (0,)) for method in methods),
        Row("ivne, no VNE", [recipe["ivne"], "regularizers.vne.weight=0"], (0,)),
        Row("demo", ["experiment=demo"]),
    ]


def run(row: Row, seed: int, runs: Path) -> None:
    """Train and evaluate; an unfinished run begins anew, since its time would be wrong."""
    folder = place(row, seed, runs)
    if folder.joinpath(FINISHED).is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    record = {"commit": commit(), "seconds": trained(row, seed, folder)}
    folder.joinpath(FINISHED).write_text(json.dumps(record))
    print(f"{row.name}, seed {seed}: {record['seconds']['processor']:.0f} s", flush=True)


def place(row: Row, seed: int, runs: Path) -> Path:
    """The folder of a run."""
    return runs / row.name.replace(", ", "-").replace(" ", "_") / f"s{seed}"


def results(runs: Path) -> list[Result]:
    """All that is finished."""
    places = [(row, seed, place(row, seed, runs)) for row in rows() for seed in row.seeds]
    return [
        result(row.name, seed, folder)
        for row, seed, folder in places
        if folder.joinpath(FINISHED).is_file()
    ]


def result(row: str, seed: int, folder: Path) -> Result:
    """What the files of a finished run say."""
    (report,) = folder.glob("*/report/report.json")
    run = report.parents[1]
    return Result(
        row,
        seed,
        **json.loads(folder.joinpath(FINISHED).read_text()),
        epochs=json.loads((run / "ledger.json").read_text())["epochs"],
        card=json.loads(report.read_text()),
        environment=json.loads((run / "environment.json").read_text()),
    )


def trained(row: Row, seed: int, folder: Path) -> dict[str, float]:
    """Seconds of `manyviews pretrain`, by the processor and by the clock; evaluated afterwards."""
    quiet = ["logger.wandb=null", "callbacks.online_knn=null", "evaluation=[knn]"]
    with folder.joinpath("log").open("w") as log:
        seconds = timed(["pretrain", *row.overrides, f"seed={seed}", f"runs={folder}", *quiet], log)
        (run,) = folder.glob("*/report")
        evaluate = ["evaluate", f"run={run.parent}", "evaluation=[knn,linear_lbfgs]"]
        timed([*evaluate, "logger.wandb=null"], log)
    return seconds


def timed(command: list[str], log: Any) -> dict[str, float]:
    """Seconds of one command with one thread."""
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "manyviews.cli", *command],
        env={**os.environ, **one},
        stdout=log,
        stderr=log,
    )
    _, status, usage = os.wait4(process.pid, 0)  # the usage of this very child
    if status:
        raise RuntimeError(f"manyviews {' '.join(command)} failed; see {log.name}")
    return {
        "processor": usage.ru_utime + usage.ru_stime,
        "clock": time.perf_counter() - began,
    }


def commit() -> str:
    """The state of the tree."""
    command = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def wanted(only: Iterable[str], seeds: Iterable[int]) -> list[tuple[Row, int]]:
    """Rows and seeds in the order in which they run: the first seed of every row comes first."""
    chosen = [row for row in rows() if not only or row.name in only]
    return [(row, seed) for seed in seeds for row in chosen if seed in row.seeds]


def main() -> None:
    """Run what is missing, then write the page of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="rows, by name")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="folder")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each")
    given = parser.parse_args()
    jobs = wanted(given.only, given.seeds)
    jobs = wanted(given.only, given.seeds)
    with ThreadPoolExecutor(given.jobs) as pool:
        for done in [pool.submit(run, row, seed, given.runs) for row, seed in jobs]:
            done.result()
    methods = [row.name for row in rows() if "," not in row.name and row.name != "demo"]
    found = results(given.runs)
    ran = {(r.row, r.seed) for r in found}
    left = {r.name: [str(s) for s in r.seeds if (r.name, s) not in ran] for r in rows()}
    missing = [f"{name} (seed {', '.join(seeds)})" for name, seeds in left.items() if seeds]
    PAGE.write_text(results_page.page(found, methods, vne_weight=VNE_WEIGHT, missing=missing))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
