"""The command `manyviews evaluate`: runs or a backbone, on their own or on other data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from manyviews import build, checkpoints, config, construct, report, runs
from manyviews.callbacks.stop import terminable
from manyviews.errors import ConfigError
from manyviews.loggers import wandb_logger
from manyviews.runs import Run
from manyviews.schema import Config
from manyviews.scoring import place
from manyviews.scoring.candidate import (
    Candidate,
    check_kind,
    expected_by,
    of_backbone,
    of_run,
    store_expected,
    with_trainer,
)
from manyviews.scoring.card import make, renew
from manyviews.scoring.comparison import compare
from manyviews.scoring.inputs import inputs
from manyviews.scoring.networks import asked_for, network, on_own_data
from manyviews.scoring.plan import plan

NOTHING = (
    "nothing to evaluate: type run=FOLDER, or backbone=NAME and data=NAME for a backbone without "
    "a run"
)


class Evaluated(NamedTuple):
    """The files that an evaluation wrote, or found written.

    Attributes:
        reports: each report.json.
        missing: by name, why a data set of several could not be evaluated.
        comparison: the comparison.json of several runs, None for a single one.
    """

    reports: list[Path]
    missing: dict[str, str]
    comparison: Path | None = None


class Request(NamedTuple):
    """One config of `evaluate`, for one data set.

    Attributes:
        config: the checked config.
        choices: the file that each config group chose.
        typed: keys and groups that the user typed.
        runs: the runs that are asked for; None stands for a backbone without a run.
    """

    config: Config
    choices: dict[str, str]
    typed: set[str]
    runs: list[Run | None]


def evaluate(overrides: Sequence[str], config_dir: str | None = None) -> Evaluated:
    """Write the reports that are asked for; scores of the same weights are not computed again.

    Args:
        overrides: any key of `conf/evaluate.yaml`. `data=[A,B]` evaluates on several data sets, of
            which those that cannot be read are told; `run=[A,B]` compares several runs.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: not a run folder, or a mistake in what was asked for.
    """
    with terminable():
        return _evaluated([*_requests(overrides, config_dir)])


def _evaluated(requests: Sequence[Request]) -> Evaluated:
    """Write the reports of all requests, and compare them if several runs were asked for."""
    reports: list[Path] = []
    missing: dict[str, str] = {}
    done: list[tuple[Request, Run]] = []
    for request in requests:
        try:
            reports += [_evaluate(request, run) for run in request.runs]
            done += [(request, run) for run in request.runs if run is not None]
        except ConfigError as error:
            if len(requests) == 1:
                raise
            missing[request.choices["data"]] = str(error)
    if not reports:
        raise ConfigError("; ".join(f"{name}: {reason}" for name, reason in missing.items()))
    if not isinstance(requests[0].config["run"], list):
        return Evaluated(reports, missing)
    # Each is built when the first pair needs it, and then kept.
    networks = [cache(partial(network, run, request.config)) for request, run in done]
    found = [run for _, run in done]
    root = requests[0].config["comparisons"]
    return Evaluated(reports, missing, compare.write(reports, found, root, networks))


def _requests(overrides: Sequence[str], config_dir: str | None) -> Iterator[Request]:
    """Yield the config for each data set of `data=[A,B]`, or the only one."""
    typed = {text.partition("=")[0].lstrip("+~") for text in overrides}
    several = config.by_data(overrides)
    found: list[Run | None] = []
    for one in several:
        try:
            composed, choices = config.compose("evaluate", one, config_dir)
        except ConfigError as error:
            if len(several) == 1:
                raise
            raise ConfigError(f"{one[-1]}: {error}") from error
        found = found or _runs(composed)  # the same for every data set
        if "evaluation" not in typed and "data" not in composed and _has_series(found[0]):
            composed, choices = config.compose("evaluate", [*one, "evaluation=series"], config_dir)
        _check_devices(composed["trainer"])
        # Hydra leaves a group out of the config if nothing is chosen.
        yield Request({"backbone": None, "data": None, **composed}, choices, typed, found)


def _check_devices(trainer: Config) -> None:
    """Raise unless the trainer has a single process.

    Raises:
        ConfigError: it has several.
    """
    for key in ("devices", "nodes"):
        if trainer[key] != 1:
            raise ConfigError(
                f"trainer.{key}={trainer[key]}: evaluate is one process; type trainer.{key}=1, or "
                "name the protocols in evaluation=[...] of pretrain, whose processes train together"
            )


def _has_series(run: Run | None) -> bool:
    """Return True if a run was trained on time series, which have a suite of their own."""
    return run is not None and ".series." in str(run.config["views"].get("_target_"))


def _runs(composed: Config) -> list[Run | None]:
    """Return the runs that are asked for; None stands for a backbone without a run.

    Raises:
        ConfigError: not a run folder, or an empty list.
    """
    given = composed["run"]
    if given is None:
        return [None]
    found = [runs.load(path) for path in ([given] if isinstance(given, str) else given)]
    if not found:
        raise ConfigError(NOTHING)
    return [*found]


def _evaluate(request: Request, run: Run | None) -> Path:
    """Write one report."""
    composed = request.config
    if run is None:
        if composed["backbone"] is None or composed["data"] is None:
            raise ConfigError(NOTHING)
        return _elsewhere(request, of_backbone(composed, request.choices["backbone"]))
    if "backbone" in request.typed:
        raise ConfigError("run=FOLDER and backbone=NAME both name a backbone; leave one out")
    if on_own_data(run, composed):
        return _own(request, run)
    candidate = _with_expected(of_run(run, composed["ckpt"]), composed["ckpt"])
    return _elsewhere(request, with_trainer(candidate, composed["trainer"]))


def _own(request: Request, run: Run) -> Path:
    """Write the report of a run on its own data."""
    composed, ckpt = request.config, request.config["ckpt"]
    file, last = run.report_of(ckpt), checkpoints.resolve(run.checkpoints, ckpt)
    mark = {"sha256": checkpoints.digest(last)}
    known = plan(file, mark, composed["evaluation"], composed["measures"], last)
    if known.complete or (known.shown and not os.access(run.path, os.W_OK)):
        return file  # needs neither data nor backbone
    _check_writable(run.path)
    data = build.data(run.config)
    card, renewed = make(
        run, data, composed["evaluation"], ckpt, composed["measures"], composed["trainer"]
    )
    if renewed:
        loggers = list(construct.nodes(composed["logger"], "logger", run=run).values())
        if loggers:
            wandb_logger.log_report(loggers, card, report.read_panels(run.path, file.parent))
        wandb_logger.finish(loggers)
    return file


def _elsewhere(request: Request, candidate: Candidate) -> Path:
    """Write the report of a backbone on other data than it was trained on, or without a run."""
    composed, run = request.config, candidate.run
    node = composed["data"] or candidate.config["data"]
    name = request.choices["data"] if composed["data"] else run.choices["data"] if run else ""
    folder = place.of_transfer(candidate, name, node, asked_for(composed), composed["evaluations"])
    file, protocols = folder / "report.json", composed["evaluation"]
    if plan(file, candidate.mark, protocols, composed["measures"]).complete:
        return file
    if run is not None:
        _check_writable(run.path)
    views = composed["views"] if run is None else run.config["views"]
    if composed["data"] is not None:
        check_kind(candidate, name, composed["views"])
    data = inputs(candidate, node, views, composed["preprocessing"])
    expected = data.preprocessing
    print(f"inputs: {expected.in_words() if expected else 'as they are in the data'}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with runs.lock_report(folder):
            renew(candidate, data, protocols, file, measures=composed["measures"])
    except ConfigError:
        _remove_unused(folder)
        raise
    return file


def _remove_unused(folder: Path) -> None:
    """Remove a folder that holds nothing but the lock of an evaluation that a mistake ended."""
    if [path.name for path in folder.iterdir()] == [".report.lock"]:
        shutil.rmtree(folder, ignore_errors=True)


def _with_expected(candidate: Candidate, ckpt: str) -> Candidate:
    """Return the candidate with what it expects; a folder of an earlier manyviews learns it."""
    run = candidate.run
    if run is None or expected_by(run) is not None:
        return candidate
    print(f"note: {run.path} does not say what its backbone expects; its own data are read for it")
    store_expected(run, build.data(run.config))
    return of_run(run, ckpt)


def _check_writable(folder: Path) -> None:
    """Raise unless new scores can be written into the run folder.

    Raises:
        ConfigError: it is read-only.
    """
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{folder} cannot be written: what was scored before can be shown, but these scores "
            "are new; copy the run folder to evaluate it further"
        )
