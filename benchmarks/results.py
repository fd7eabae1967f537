"""The demo with three seeds, from the command line to the report; writes docs/results.md.

    python benchmarks/results.py            # about 15 minutes on two cores

Times are this machine's; accuracies are those of the protocols named in the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "results.md"
CONTROLS = {"random": "random initialisation", "raw": "raw pixels"}
SUBJECTS = ("trained", *CONTROLS)


class Result(NamedTuple):
    """What one seed gave.

    Attributes:
        seed: of weights, order and views.
        seconds: from the command to the report.
        card: report.json.
        environment: environment.json.
    """

    seed: int
    seconds: float
    card: dict[str, Any]
    environment: dict[str, Any]


def demo(seed: int, runs: str) -> Result:
    """Run the demo as a user does, in a process of its own."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "manyviews.cli", "pretrain", "experiment=demo"]
    subprocess.run([*command, f"seed={seed}", f"runs={runs}"], check=True)
    seconds = time.perf_counter() - began
    (run,) = Path(runs).glob(f"*-s{seed}")
    card = json.loads((run / "report" / "report.json").read_text())
    return Result(seed, seconds, card, json.loads((run / "environment.json").read_text()))


def page(results: list[Result], commit: str) -> str:
    """The results as Markdown."""
    first = results[0]
    protocols = list(first.card["protocols"])
    lines = [
        "# Results",
        "",
        "Made by `make results`. Top-1 in percent; intervals are 95 % bootstrap intervals over",
        "test images, differences are paired. Seeds change weights, order and views.",
        "",
        f"## `manyviews pretrain experiment=demo`, commit {commit}",
        "",
    ]
    titles = ["protocol", "seed", "trained", *CONTROLS.values()]
    titles += [f"minus {name}" for name in CONTROLS.values()]
    lines += [_row(titles), _row(["---"] * len(titles))]
    for protocol in protocols:
        lines += [_row([protocol, str(r.seed), *_cells(r.card, protocol)]) for r in results]
        means = [100 * mean(_value(r.card, protocol, who) for r in results) for who in SUBJECTS]
        gains = [f"{means[0] - other:+.1f}" for other in means[1:]]
        lines.append(_row([protocol, "mean", *(f"{m:.1f}" for m in means), *gains]))
    hashes = ", ".join(f"{name} {p['hash']}" for name, p in first.card["protocols"].items())
    machine = first.environment
    seconds = ", ".join(f"{r.seconds:.0f}" for r in results)
    return "\n".join(
        [
            *lines,
            "",
            f"Protocols and the hashes of their configs: {hashes}.",
            f"Seconds from the command to the report, seed by seed: {seconds};",
            f"on {machine['cores']} cores of {machine['processor']}, torch {machine['torch']}.",
            "",
        ]
    )


def _value(card: dict[str, Any], protocol: str, subject: str) -> float:
    return _of(card["scores"], protocol, subject=subject)["value"]


def _cells(card: dict[str, Any], protocol: str) -> list[str]:
    scores = [_of(card["scores"], protocol, subject=who) for who in SUBJECTS]
    gains = [_of(card["differences"], protocol, control=who) for who in CONTROLS]
    return [_interval(s, "") for s in scores] + [_interval(g, "+") for g in gains]


def _of(rows: list[dict[str, Any]], protocol: str, **which: str) -> dict[str, Any]:
    wanted = {"protocol": protocol, "metric": "top1", **which}.items()
    return next(row for row in rows if wanted <= {k: str(v) for k, v in row.items()}.items())


def _interval(row: dict[str, Any], sign: str) -> str:
    value, low, high = (f"{100 * row[k]:{sign}.1f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run every seed, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds: list[int] = parser.parse_args().seeds
    describe = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as runs:
        results = [demo(seed, runs) for seed in seeds]
    PAGE.write_text(page(results, commit))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
