"""The plan of a sweep: every run, composed and checked before the first one starts.

A sweep folder `sweeps/<name>/` holds `spec.json` (what was asked for), `plan.jsonl` (a line per
trial with its resolved config and its run folder), `attempts.jsonl` (when each process began and
how it ended), `logs/` (what each trial printed) and `launcher.json` (what was typed last about
where its trials run). A plan that is written is read again and never composed again, so that a YAML
file that changes later changes nothing in it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from manyviews import config, retriever_stage, runs
from manyviews.errors import ConfigError
from manyviews.retriever_stage import Stage
from manyviews.runs.files import read_object, replace_text, write_json
from manyviews.schema import Config

FORMAT_VERSION = 1
SPEC, PLAN, LAUNCHER = "spec.json", "plan.jsonl", "launcher.json"
# Settings of a search that its proposals depend on; its number of trials may grow.
OF_SEARCH = ("metric", "sampler", "seed", "pruner", "prune_by", "prune_from")


class Trial(NamedTuple):
    """A planned run.

    Attributes:
        number: its number in the sweep, from 0.
        overrides: what a user would type after `manyviews pretrain` for this run alone.
        folder: its run folder.
        config: its resolved config.
        choices: the file that each config group chose.
        needs: number of the trial that has to be finished before, as REBAR needs its retriever.
    """

    number: int
    overrides: list[str]
    folder: str
    config: Config
    choices: dict[str, str]
    needs: int | None = None

    @property
    def command(self) -> str:
        """The command that trains this run alone."""
        return shlex.join(["manyviews", "pretrain", *self.overrides])

    @property
    def stage(self) -> Stage:
        """The run as `train.pretrain_planned` takes it."""
        return Stage(self.config, self.choices, self.overrides)


class Sweep(NamedTuple):
    """A planned sweep.

    Attributes:
        path: its folder.
        trials: all its runs.
    """

    path: Path
    trials: list[Trial]

    @property
    def command(self) -> str:
        """The command that continues it."""
        spec = read_object(self.path / SPEC) or {}
        if typed := spec.get("command"):  # a sweep that another command has made
            return typed
        words = ["manyviews", "pretrain", "-m", *spec.get("overrides", [])]
        words += [f"sweep.name={self.path.name}", f"sweep.folder={self.path.parent}"]
        if search := spec.get("search"):
            words += ["sweep=optuna", *(f"sweep.{key}={value}" for key, value in search.items())]
        words += (read_object(self.path / LAUNCHER) or {}).get("overrides", [])
        if spec.get("config_dir"):
            words += ["--config-dir", spec["config_dir"]]
        return shlex.join(words)


def plan(
    overrides: Sequence[str],
    settings: Config,
    config_dir: str | None = None,
    *,
    write: bool = True,
) -> Sweep:
    """Return the plan of a sweep; one that was written before is read again.

    Args:
        overrides: of the runs, in Hydra's grammar with several values.
        settings: the keys of `sweep`, checked.
        config_dir: a folder with config groups of your own.
        write: False for a look at the plan without a folder.

    Raises:
        ConfigError: a mistake in a run, or the folder of this name holds another sweep.
    """
    overrides = [*settings["overrides"], *overrides]
    path, spec = begin(overrides, settings, config_dir)
    if (path / PLAN).is_file():
        return load(path)
    sweep = Sweep(path, [*trials_of(stages_of(config.cells(overrides, config_dir), config_dir))])
    if write:
        save(sweep, spec)
    return sweep


def begin(
    overrides: Sequence[str], settings: Config, config_dir: str | None
) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a sweep and what was asked for.

    Args:
        overrides: of the runs.
        settings: the keys of `sweep`.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: the folder of this name holds another sweep.
    """
    of_search = {key: settings[key] for key in OF_SEARCH} if settings.get("sampler") else {}
    spec = {"format_version": FORMAT_VERSION, "overrides": overrides, "config_dir": config_dir}
    spec |= {"search": of_search} if of_search else {}
    path = _folder(settings, spec)
    _check_same_spec(path, spec)
    return path, spec


def save(sweep: Sweep, spec: dict[str, Any]) -> None:
    """Write what was asked for and the plan into the folder of a sweep."""
    sweep.path.mkdir(parents=True, exist_ok=True)
    write_json(sweep.path / SPEC, spec)
    lines = (json.dumps(trial._asdict()) + "\n" for trial in sweep.trials)
    replace_text(sweep.path / PLAN, "".join(lines))


def save_launcher(sweep: Path, overrides: Sequence[str]) -> None:
    """Write what was typed about where the trials of a sweep run, for `Sweep.command`."""
    if overrides or (sweep / LAUNCHER).is_file():
        write_json(sweep / LAUNCHER, {"overrides": [*overrides]})


def load(path: Path) -> Sweep:
    """Return the plan of a sweep folder.

    Raises:
        ConfigError: it is no sweep folder, or its plan is damaged.
    """
    file = path / PLAN
    if not file.is_file():
        raise ConfigError(f"{path} is no sweep folder: it has no {PLAN}")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return Sweep(path, [Trial(**json.loads(line)) for line in lines])
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{file} is damaged; delete it, and the same command plans the sweep again"
        ) from error


def _folder(sweep: Config, spec: dict[str, Any]) -> Path:
    """Return the folder of a sweep: its name, or a hash of what was asked for."""
    if sweep["name"] is not None:
        return Path(sweep["folder"], sweep["name"])
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
    return Path(sweep["folder"], f"sweep-{digest}")


def _check_same_spec(path: Path, spec: dict[str, Any]) -> None:
    """Raise if the folder holds a sweep that something else was asked for.

    Raises:
        ConfigError: says what is different.
    """
    before = read_object(path / SPEC)
    if before is None or before == spec:
        return
    first, second = (_texts(one) for one in (before, spec))
    gone = [text for text in first if text not in second]
    new = [text for text in second if text not in first]
    parts = [f"it has {shlex.join(gone)}"] * bool(gone) + [f"you typed {shlex.join(new)}"] * bool(
        new
    )
    said = ", ".join(parts) or "the order, the config folder or the version is another"
    raise ConfigError(f"{path} holds another sweep ({said}); type another sweep.name=NAME")


def _texts(spec: dict[str, Any]) -> list[str]:
    """Return what was asked for as it is typed."""
    of_search = spec.get("search", {})
    return [*spec.get("overrides", []), *(f"sweep.{k}={v}" for k, v in of_search.items())]


def stages_of(cells: Sequence[Sequence[str]], config_dir: str | None) -> Iterator[list[Stage]]:
    """Yield the runs that each cell trains: its own, and before it the one that it needs.

    Args:
        cells: overrides with one value each.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in a cell.
    """
    pairs = zip(cells, config.compose_cells(cells, config_dir), strict=True)
    for overrides, (cell, choices) in pairs:
        check_resume(cell)
        yield retriever_stage.stages(cell, choices, overrides, config_dir)


def trials_of(staged: Iterable[list[Stage]], before: Sequence[Trial] = ()) -> Iterator[Trial]:
    """Yield a trial for each new run folder of the cells, after the one that it needs.

    Args:
        staged: the runs of each cell, see `stages_of`.
        before: trials that are planned already; theirs are no new folders.
    """
    numbers = {trial.folder: trial.number for trial in before}
    for stages in staged:
        needs = None
        for stage in stages:
            folder = str(runs.folder(stage.config, stage.choices))
            if folder not in numbers:  # another cell may be the same run
                number = numbers[folder] = len(numbers)
                typed = [*stage.overrides]
                if stage is not stages[-1]:
                    typed += [f"seed={stage.config['seed']}"]
                yield Trial(number, typed, folder, stage.config, dict(stage.choices), needs)
            needs = numbers[folder]


def check_resume(cell: Config) -> None:
    """Raise if a run of a sweep would be begun anew each time.

    Raises:
        ConfigError: says what to leave out.
    """
    if cell["resume"] == "never":
        raise ConfigError(
            "resume=never begins a new run each time, and a sweep continues its runs; leave it out"
        )
