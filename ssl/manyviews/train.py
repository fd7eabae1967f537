"""A pretraining run on one page: compose, check, build, fit, score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from manyviews import (
    build,
    checkpoints,
    config,
    process_group,
    retriever_stage,
    runs,
    scoring,
    trainer,
)
from manyviews.build import Data
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.stop import Stop, Stopped
from manyviews.checkpoints import Saved
from manyviews.evaluation import gallery
from manyviews.loggers import ledger, wandb_logger
from manyviews.method import Method
from manyviews.optim.family import mismatch
from manyviews.runs import Run, status
from manyviews.schema import Config


class Parts(NamedTuple):
    """The objects that a run is trained with; each is built once.

    Attributes:
        data: data set and views.
        method: the method with its first weights.
        begins_with: where these weights come from, in words.
        trainer: Lightning's trainer with all callbacks, and no loggers yet.
    """

    data: Data
    method: Method
    begins_with: str
    trainer: pl.Trainer


def pretrain(overrides: Sequence[str], config_dir: str | None = None) -> Run:
    """Train to the last epoch, then evaluate; an unfinished run of this config continues.

    After a first Ctrl-C or SIGTERM it saves, says how to go on and returns the unfinished run.

    Args:
        overrides: as on the command line.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in what was asked for, before any training.
        NotFinite: the loss became NaN; the last good checkpoint stays.
        NotSaved: the disk refused a checkpoint; the one before stays.
        Interrupted: by a second Ctrl-C.
        RankLost: another process of this run died.
    """
    if process_group.launched_rank() > 0:
        return _follow()
    with process_group.leading() as tell:
        composed, choices = config.compose("pretrain", overrides, config_dir)
        composed, first = retriever_stage.resolve(composed, choices, config_dir)
        if first is not None:
            build.protocols(composed)  # mistakes are told before the first stage is trained
            build.data(composed)
            retriever_stage.check_launcher(first)
            print(f"first the retriever: {runs.folder(first.config, first.choices)}")
            run = _run(first.config, first.choices, first.overrides)
            if not run.trained:
                return run
        return _run(composed, choices, overrides, tell)


def _run(
    composed: Config,
    choices: Mapping[str, str],
    overrides: Sequence[str],
    tell: Callable[[Path], None] = lambda path: None,
) -> Run:
    """Begin or continue the run of a config, on rank 0.

    Args:
        composed: the checked config.
        choices: the file that each config group chose.
        overrides: of the command.
        tell: tells the other ranks which folder it is.
    """
    path = runs.place(composed, choices)
    if (path / "config.yaml").is_file() and _is_finished(run := runs.load(path)):
        print(f"{path} is finished: {run.config['epochs']} epochs, evaluated")
        tell(path)
        return run
    parts = _build(composed, path)
    for file in parts.data.splits.skipped:
        print(f"skipped {file}")
    with ExitStack() as held:
        held.enter_context(runs.lock(path))
        run = runs.begin(path, composed, choices, overrides, parts.data.splits.fingerprint())
        saved = _last_checkpoint(run)
        tell(path)
        held.enter_context(status.recorded(path))
        loggers = list(build.nodes(composed["logger"], run=run).values())
        held.callback(wandb_logger.finish, loggers)
        if not run.trained:
            fit(run, parts, saved, loggers)
        process_group.leave()
        if run.trained:
            card, _ = scoring.make(run, parts.data, composed["evaluation"])
            wandb_logger.log_scores(loggers, card)
            status.write(path, state="finished")
    return run


def _follow() -> Run:
    """Train the run that rank 0 told this rank."""
    run = runs.load(process_group.hear())
    if not _is_finished(run) and not run.trained:
        parts = _build(run.config, run.path)
        fit(run, parts, checkpoints.newest(run.checkpoints), [])
    process_group.leave()
    return run


def _is_finished(run: Run) -> bool:
    return run.trained and run.report.is_file()


def _build(composed: Config, path: Path) -> Parts:
    """Build everything that a run needs, so that a mistake is told before its folder is made.

    Args:
        composed: the checked config.
        path: the run folder, which need not exist yet.
    """
    build.protocols(composed)
    data = build.data(composed)
    method = build.method(composed, data)
    begins_with = build.initialise(method, composed["init"])
    made = build.trainer(composed, callbacks(composed, path))
    data.loader(rank=0, world=made.world_size)  # raises if the batch cannot be shared
    return Parts(data, method, begins_with, made)


def callbacks(composed: Config, path: Path) -> list[pl.Callback]:
    """Return all callbacks of a run in the order in which they are called.

    Args:
        composed: the checked config.
        path: the run folder.
    """
    return [
        Metrics(path / "metrics.jsonl", composed["trainer"]["log_every_n_steps"]),
        Noise(composed["seed"]),
        *build.callbacks(composed),
        (stop := Stop()),
        Checkpoint(path, composed["save_every_n_steps"], stop),
    ]


def _last_checkpoint(run: Run) -> Saved | None:
    """Read the checkpoint to go on from; torn ones are named and set aside."""
    saved = checkpoints.newest(run.checkpoints)
    if saved is not None:
        for error in saved.torn:
            print(f"{error}; going on from {saved.path.name}, step {saved.step}")
        checkpoints.set_aside(saved)
    return saved


def fit(run: Run, parts: Parts, saved: Saved | None, loggers: list[Logger]) -> None:
    """Train from the last checkpoint, or from the start, to the last epoch."""
    data, method, begins_with, lightning = parts
    lightning.loggers = loggers
    if lightning.is_global_zero:
        begins = saved.path.name if saved else begins_with
        ledger.say(run, ledger.ledger(run, data, method, lightning) | {"begins_with": begins})
        if said := mismatch(method.backbone.family, run.config["optimizer"]["_target_"]):
            print(f"note: {said}")
        wandb_logger.log_views(loggers, gallery.views_of(data, gallery.some(data), 0))
        runs.keep_metrics_until(run.path, saved.step if saved else 0)
    trainer.adapt(method, lightning, compiled=run.config["trainer"].get("compile", False))
    try:
        with trainer.explained(lambda: _standing(run)):
            trainer.fit(lightning, method, data, saved)
    except Stopped:
        if lightning.is_global_zero:
            status.write(run.path, state="stopped", reason="told to stop")
            print(f"stopped, {_standing(run)}")
    else:
        if lightning.is_global_zero:
            status.write(run.path, state="trained")


def _standing(run: Run) -> str:
    saved = run.saved
    step, epochs = (saved.step, saved.epochs) if saved else (0, 0)
    return (
        f"step {step} ({epochs} of {run.config['epochs']} epochs) is saved in {run.path}: "
        "the same command continues"
    )


def evaluate(overrides: Sequence[str], config_dir: str | None = None) -> Path:
    """Write the report of a run; scores of the same checkpoint are not computed again.

    Args:
        overrides: `run=FOLDER`, and any other key of `conf/evaluate.yaml`.
        config_dir: a folder with config groups of your own.

    Returns:
        The report.json.

    Raises:
        ConfigError: not a run folder, or a mistake in what was asked for.
    """
    composed, _ = config.compose("evaluate", overrides, config_dir)
    run = runs.load(composed["run"])
    data = build.data(run.config)
    ckpt: str = composed["ckpt"]
    card, renewed = scoring.make(run, data, composed["evaluation"], ckpt)
    if renewed:
        loggers = list(build.nodes(composed["logger"], run=run).values())
        wandb_logger.log_scores(loggers, card)
        wandb_logger.finish(loggers)
    return run.report_of(ckpt)
