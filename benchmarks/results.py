"""Train and evaluate every method in equal time, and write docs/results.md.

    python benchmarks/results.py --jobs 2              # all runs: hours of processor time
    python benchmarks/results.py --only tico --seeds 0

A run is two commands with one thread each: `manyviews pretrain` on a recipe, whose processor time
is the time in the table, then `manyviews evaluate`. Runs that are finished in the folder `--runs`,
or recorded in docs/results.json, are not run again, so this can be stopped and started again at any
time. A recipe that changed is another run. The working tree must be clean: every run records the
commit that it was measured at.
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
from statistics import mean
from typing import Any, NamedTuple

import results_page
from commits import ROOT, clean_commit
from results_page import ABLATION, POSITIVES, Result

from manyviews import config, retriever_stage
from manyviews.runs import folder

PAGE = ROOT / "docs" / "results.md"
RECORDS = ROOT / "docs" / "results.json"  # the figures of all finished runs
RECIPE = "_fashion_mnist_mini"
VNE_WEIGHT = 0.05  # for methods whose loss is a few units
# These methods have losses of tens of units, so the term weighs more, too.
VNE_WEIGHTS: dict[str, float] = dict.fromkeys(("barlow_twins", "mixed_barlow_twins", "vicreg"), 0.5)
SEEDS = (0, 1, 2)
OF_SERIES = ("linear_rebar", "clustering")
FINISHED = "finished.json"  # written into a run folder when both commands are done
RIGHT = "health/positive_precision"
Places = dict[tuple[str, int], Path]  # folders by row and seed


class Row(NamedTuple):
    """A row of the table: runs that differ in the seed only.

    Attributes:
        name: name of the row, e.g. "tico, VNE".
        overrides: arguments of `manyviews pretrain`, e.g. ["experiment=demo"].
        seeds: seeds of weights, order and views.
        protocols: protocols of `manyviews evaluate` that score the runs.
    """

    name: str
    overrides: list[str]
    seeds: tuple[int, ...] = SEEDS
    protocols: tuple[str, ...] = ("knn", "linear_lbfgs")


def rows() -> list[Row]:
    """Return all rows: recipes, SimLAP's ablation, VNE with every method, demo, watch."""
    files = ROOT.joinpath("conf", "experiment").glob(f"*{RECIPE}.yaml")
    methods = sorted(file.stem.removesuffix(RECIPE) for file in files)
    recipe = {method: f"experiment={method}{RECIPE}" for method in methods}
    vne = ["regularizer=vne", "regularizers.vne.reads=embedding"]
    weight = {method: f"regularizers.vne.weight={vne_weight(method)}" for method in methods}
    return [
        *(Row(method, [recipe[method]]) for method in methods),
        *(Row(name, [recipe["hydra"], *overrides]) for name, overrides in ABLATION.items()),
        *(Row(f"{m}, VNE", [recipe[m], *vne, weight[m]], (0,)) for m in methods),
        Row("ivne, no VNE", [recipe["ivne"], "regularizers.vne.weight=0"], (0,)),
        Row("demo", ["experiment=demo"]),
        *(
            Row(name, ["experiment=rebar_watch", f"method.positives={by}"], SEEDS, OF_SERIES)
            for name, by in POSITIVES.items()
        ),
    ]


def vne_weight(method: str) -> float:
    """Return the weight of VNE, roughly in proportion to the method's own loss."""
    return VNE_WEIGHTS.get(method, VNE_WEIGHT)


def places(runs: Path) -> Places:
    """Return the run folder of every row and seed; its name has the identity of its config."""
    found: Places = {}
    for row in rows():
        composed, choices = config.compose("pretrain", [*row.overrides, f"runs={runs}"])
        for seed in row.seeds:
            last = retriever_stage.stages({**composed, "seed": seed}, choices)[-1]
            found[row.name, seed] = folder(last.config, choices)
    return found


def run(row: Row, seed: int, place: Path) -> None:
    """Train and evaluate; an unfinished run begins again, since its time would be wrong."""
    shutil.rmtree(place, ignore_errors=True)  # a resumed run would have a shorter time
    record = {"commit": clean_commit(), "seconds": train_and_evaluate(row, seed, place)}
    place.joinpath(FINISHED).write_text(json.dumps(record))
    print(f"{row.name}, seed {seed}: {record['seconds']['processor']:.0f} s", flush=True)


def result(row: str, seed: int, place: Path) -> Result:
    """Read the files of a finished run, and keep what the page needs."""
    ledger, card, machine = (
        json.loads(place.joinpath(name).read_text())
        for name in ("ledger.json", "report/report.json", "environment.json")
    )
    for part in ("scores", "differences"):
        kept = [r for r in card[part] if r["metric"] in ("top1", "ari")]
        card[part] = [r for r in kept if r.get("split", "test") == "test"]
    return Result(
        row,
        seed,
        place.name,
        **json.loads(place.joinpath(FINISHED).read_text()),
        epochs=ledger["epochs"],
        card={k: card[k] for k in ("protocols", "scores", "differences", "label_free")},
        environment={k: machine[k] for k in ("processor", "cores", "torch")},
        precision=precision(place / "metrics.jsonl"),
    )


def precision(metrics: Path) -> float | None:
    """Return the mean share of anchors whose positive has their class, None without anchors."""
    records = map(json.loads, metrics.read_text().splitlines())
    shares = [r[RIGHT] for r in records if RIGHT in r]
    return mean(shares) if shares else None


def results(place: Places) -> dict[tuple[str, int], Result]:
    """Return finished runs from their folders, or from the records if the config is the same."""
    lines = json.loads(RECORDS.read_text()) if RECORDS.is_file() else []
    records = [Result(**line) for line in lines]
    # A run of a commit with further changes cannot be measured again, so it is left out.
    kept = {(r.row, r.seed): r for r in records if not r.commit.endswith("-dirty")}
    found = {}
    for key, run in place.items():
        if run.joinpath(FINISHED).is_file():
            found[key] = result(*key, run)
        elif key in kept and kept[key].run == run.name:
            found[key] = kept[key]
    return found


def train_and_evaluate(row: Row, seed: int, place: Path) -> dict[str, float]:
    """Run both commands; return the processor and wall-clock seconds of `manyviews pretrain`."""
    first, *_ = row.protocols
    # Left out of the time: W&B, the online kNN and all protocols but one.
    quiet = ["logger.wandb=null", "callbacks.online_knn=null", f"evaluation=[{first}]"]
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".log").open("w") as log:
        where = [f"seed={seed}", f"runs={place.parent}"]
        seconds = timed(["pretrain", *row.overrides, *where, *quiet], log)
        protocols = f"evaluation=[{','.join(row.protocols)}]"
        timed(["evaluate", f"run={place}", protocols, "logger.wandb=null"], log)
    return seconds


def timed(command: list[str], log: Any) -> dict[str, float]:
    """Run a command with one thread, and return its processor and wall-clock seconds."""
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "manyviews", *command],
        env={**os.environ, **one},
        stdout=log,
        stderr=log,
    )
    _, status, usage = os.wait4(process.pid, 0)  # unlike getrusage: of this child only
    if status:
        raise RuntimeError(f"manyviews {' '.join(command)} failed; see {log.name}")
    return {
        "processor": usage.ru_utime + usage.ru_stime,
        "clock": time.perf_counter() - began,
    }


def wanted(only: Iterable[str], seeds: Iterable[int]) -> list[tuple[Row, int]]:
    """Return rows and seeds in the order they run: the first seed of every row comes first."""
    chosen = [row for row in rows() if not only or row.name in only]
    return [(row, seed) for seed in seeds for row in chosen if seed in row.seeds]


def page(found: dict[tuple[str, int], Result]) -> str:
    """Return docs/results.md, made from all finished runs."""
    left = {row.name: [str(s) for s in row.seeds if (row.name, s) not in found] for row in rows()}
    return results_page.page(
        [*found.values()],
        {
            row.name: vne_weight(row.name)
            for row in rows()
            if "," not in row.name and row.name not in ("demo", *POSITIVES)
        },
        missing=[f"{name} (seed {', '.join(seeds)})" for name, seeds in left.items() if seeds],
    )


def main() -> None:
    """Run what is missing, then write the page from all finished runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/results"), help="folder of the runs"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at the same time, one thread each"
    )
    given = parser.parse_args()
    clean_commit()
    place = places(given.runs)
    done = results(place)
    with ThreadPoolExecutor(given.jobs) as pool:
        jobs = [
            pool.submit(run, row, seed, place[row.name, seed])
            for row, seed in wanted(given.only, given.seeds)
            if (row.name, seed) not in done
        ]
        for job in jobs:
            job.result()
    found = results(place)
    PAGE.write_text(page(found))
    RECORDS.write_text(json.dumps([r._asdict() for r in found.values()], indent=1) + "\n")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
