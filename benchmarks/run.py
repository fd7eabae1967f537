"""Measure against other packages; write docs/performance.md and docs/performance.json.

    python benchmarks/run.py                 # all suites: about 25 minutes on two cores
    python benchmarks/run.py loss knn        # these suites only; the others keep their figures

A suite is a file in benchmarks/suites/ with a function `rows(windows)`; its docstring becomes its
paragraph on the page. `make bench` installs the other packages (the extra `bench`). The working
tree must be clean: every suite records the commit that it measured.
"""

from __future__ import annotations

import argparse
import importlib
import os
import warnings
from pathlib import Path

os.environ["KINETO_LOG_LEVEL"] = "99"  # silences the profiler; torch reads it on import

import faiss
import page
import torch
from commits import clean_commit

from manyviews.hardware import keep_freed_memory

SUITES = sorted(p.stem for p in (Path(__file__).parent / "suites").glob("*.py"))


def run(suite: str, windows: int) -> None:
    """Measure a suite on one thread, then record it."""
    commit = clean_commit()  # asked for every suite: the tree may change while others are measured
    before = os.getloadavg()[0]
    torch.set_num_threads(1)
    keep_freed_memory()  # as a training does; here it holds for all sides
    faiss.omp_set_num_threads(1)
    module = importlib.import_module(f"suites.{suite}")
    rows: list[page.Row] = []
    for row in module.rows(windows):
        rows.append(row)
        print(page.line(page.cells({**row._asdict(), "ratio": row.ratio._asdict()})), flush=True)
    intro = " ".join((module.__doc__ or "").split())
    page.record(suite, intro, rows, (before, os.getloadavg()[0]), commit)


def main() -> None:
    """Measure the suites named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help=", ".join(SUITES))
    parser.add_argument("--windows", type=int, default=9, help="timed windows of each side")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # other packages warn about their own code
    for suite in given.suites or SUITES:
        print(f"\n{suite}", flush=True)
        run(suite, given.windows)
    print(f"wrote {page.PAGE}")


if __name__ == "__main__":
    main()
