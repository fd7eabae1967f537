"""The command `manyviews reproduce`: run a table of figures, and compare it with what is expected.

The runs of a table are a sweep like any other, so what is finished is not run again, and a command
that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from manyviews import config, runs
from manyviews.errors import ConfigError, RunFailed, unknown
from manyviews.evaluation.words import score_name
from manyviews.retriever_stage import Stage
from manyviews.runs import status
from manyviews.runs.files import read_object, replace_text, write_json
from manyviews.schema import Config
from manyviews.sweeps import command, plan, standing
from manyviews.sweeps.controller import Controller, Retry
from manyviews.sweeps.launchers.processes import cores_of_each
from manyviews.sweeps.plan import Sweep
from manyviews.sweeps.tables import figures, files
from manyviews.sweeps.tables.figures import Measured, Verdict, verdicts
from manyviews.sweeps.tables.files import Table
from manyviews.sweeps.tables.page import compared, page


class Cell(NamedTuple):
    """A run of a table.

    Attributes:
        table: name of the table.
        row: name of the row.
        seed: seed of the run.
    """

    table: str
    row: str
    seed: int


def run(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    jobs: int = 1,
    retry: Retry = "failed",
    dry_run: bool = False,
) -> Path | None:
    """Run what is missing of some tables, write their page, and return its path.

    Args:
        overrides: keys of `conf/reproduce.yaml`.
        config_dir: a folder with config groups and tables of your own.
        jobs: most runs at the same time.
        retry: what to do with runs that failed before.
        dry_run: True to print the plan and run nothing; then there is no page.

    Raises:
        ConfigError: a mistake in the command, in a table or in any of its runs.
        RunFailed: a run did not finish, or a figure is not within what is expected.
        Interrupted: it was told to stop; the same command continues.
    """
    command.check_jobs(jobs)
    asked, _ = config.compose("reproduce", overrides, config_dir)
    names = [asked["table"]] if isinstance(asked["table"], str) else asked["table"]
    chosen = {name: files.load(name, config_dir) for name in names}
    cells = _cells(chosen, asked)
    staged = dict(zip(cells, plan.stages_of([*cells.values()], config_dir), strict=True))
    folders = {  # rows of several tables may share one
        cell: runs.folder(stages[-1].config, stages[-1].choices) for cell, stages in staged.items()
    }
    typed = shlex.join(["manyviews", "reproduce", *overrides])
    if config_dir is not None:
        typed += f" --config-dir {shlex.quote(config_dir)}"
    sweep = _planned(staged, folders, asked["folder"], typed, write=not dry_run)
    states = standing.states_of(sweep)
    print(f"{sweep.path}: {standing.counts(states)}", flush=True)
    if dry_run:
        print("\n".join(standing.left(sweep, states, jobs, cores_of_each(jobs))))
        return None
    ended = Controller(sweep, jobs=jobs, retry=retry).run()
    for cell, path in folders.items():
        _score_missing(chosen[cell.table], path, cells[cell])
    found = {
        cell: figures.read(chosen[cell.table], cell.row, cell.seed, path)
        for cell, path in folders.items()
    }
    file = Path(asked["file"] or sweep.path / "table.md")
    judged = _write(file, chosen, found, typed)
    write_json(sweep.path / "table.json", {"figures": [one._asdict() for one in judged]})
    print(f"page: {file}")
    standing.say_failed(sweep, ended)
    _judge(judged)
    return file


def _cells(chosen: Mapping[str, Table], asked: Config) -> dict[Cell, list[str]]:
    """Return the overrides of every run that was asked for.

    Raises:
        ConfigError: there is no such row or seed.
    """
    rows, seeds = asked["rows"], asked["seeds"]
    every = [*asked["overrides"], f"runs={asked['runs']}"]
    made = {
        Cell(name, row, seed): overrides
        for name, table in chosen.items()
        for (row, seed), overrides in table.cells(every).items()
    }
    for given, known in ((rows, {c.row for c in made}), (seeds, {c.seed for c in made})):
        for one in given or ():
            if one not in known:
                raise unknown("row or seed", str(one), map(str, known))
    return {
        cell: overrides
        for cell, overrides in sorted(made.items(), key=lambda item: item[0].seed)
        if (rows is None or cell.row in rows) and (seeds is None or cell.seed in seeds)
    }


def _planned(
    staged: Mapping[Cell, list[Stage]],
    folders: Mapping[Cell, Path],
    root: str,
    typed: str,
    *,
    write: bool,
) -> Sweep:
    """Return the runs as a sweep, whose name has a hash of the run folders.

    So a recipe that has changed since is another sweep, with runs of its own.
    """
    digest = hashlib.sha256(json.dumps([*map(str, folders.values())]).encode()).hexdigest()[:8]
    names = "-".join(dict.fromkeys(cell.table for cell in staged))[:60]
    path = Path(root, f"{names}-{digest}")
    if (path / plan.PLAN).is_file():
        return plan.load(path)
    sweep = Sweep(path, [*plan.trials_of(staged.values())])
    if write:
        plan.save(sweep, {"format_version": plan.FORMAT_VERSION, "command": typed})
    return sweep


def _score_missing(table: Table, path: Path, overrides: Sequence[str]) -> None:
    """Evaluate a finished run under the protocols of the table that it was not scored under.

    Its folder may be that of an earlier command with fewer protocols.
    """
    card = read_object(path / "report" / "report.json")
    known = status.read(path)
    if card is None or known is None or known.state != "finished":
        return
    asked = [text for text in overrides if text.startswith("evaluation=")]
    measured = {score_name(score) for score in card["scores"]}
    wanted = {name for name in table.columns.values() if name.startswith(("eval/", "val/"))}
    if wanted <= measured or not asked:
        return
    from manyviews import scoring

    try:
        scoring.evaluate([f"run={path}", *asked, "logger.wandb=null"])
    except (ConfigError, RunFailed) as error:
        print(f"{path} cannot be scored: {error}")


def _write(
    file: Path,
    chosen: Mapping[str, Table],
    found: Mapping[Cell, Measured | None],
    typed: str,
) -> list[Verdict]:
    """Write the page, and return the verdicts."""
    parts, judged = [], []
    for name, table in chosen.items():
        of_table = {cell: run for cell, run in found.items() if cell.table == name}
        if not of_table:
            continue
        runs_of = [run for run in of_table.values() if run is not None]
        missing = [(cell.row, cell.seed) for cell, run in of_table.items() if run is None]
        parts.append((table, runs_of, missing))
        asked = {cell.row for cell in of_table}
        judged += [one for one in verdicts(table, runs_of) if one.row in asked]
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, page(parts, typed))
    return judged


def _judge(judged: Sequence[Verdict]) -> None:
    """Print the expected figures and what was found.

    Raises:
        RunFailed: at least one is not within what is expected.
    """
    if judged:
        print(compared(judged), end="")
    out = [f"{one.row} {one.column}" for one in judged if one.out]
    if out:
        raise RunFailed(
            f"{len(out)} of {len(judged)} figures are not within what is expected: {', '.join(out)}"
        )
