"""A pretraining run on one page: compose, check, build, fit, score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pytorch_lightning.loggers import Logger

from manyviews import (
    build,
    checkpoints,
    construct,
    distributed,
    launch_variables,
    process_group,
    report,
    retriever_stage,
    runs,
    scoring,
    trainer,
)
from manyviews.build import Data, Parts
from manyviews.callbacks.stop import Stopped, terminable
from manyviews.checkpoints import Saved
from manyviews.errors import ConfigError, Interrupted
from manyviews.evaluation import gallery
from manyviews.hardware import emulation, resolve_accelerator, resolve_precision
from manyviews.loggers import ledger, wandb_logger
from manyviews.optim.family import mismatch
from manyviews.retriever_stage import Stage
from manyviews.runs import Run, status

# What Lightning needs of a checkpoint to go on, beside the weights.
OF_TRAINING = ("pytorch-lightning_version", "loops", "optimizer_states", "lr_schedulers")


class Begun(NamedTuple):
    """A run that was begun or continued, and what it is trained with.

    Attributes:
        run: the run folder.
        parts: its parts; None if the run is finished.
        saved: the checkpoint to go on from; None to start at step 0.
        loggers: its dashboards.
    """

    run: Run
    parts: Parts | None
    saved: Saved | None
    loggers: list[Logger]


def pretrain(overrides: Sequence[str], config_dir: str | None = None) -> Run:
    """Train to the last epoch, then evaluate; an unfinished run of this config continues.

    Args:
        overrides: as on the command line.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in what was asked for, before any training.
        NotFinite: the loss became NaN; the last good checkpoint stays.
        NotSaved: the disk refused a checkpoint; the one before stays.
        Interrupted: it was told to stop with Ctrl-C: a first one saves after the current step, a
            second one breaks off. The message says the folder, the step and how to go on.
        Terminated: it was told to stop with SIGTERM, in the same way.
        RankLost: another process of this run died.
    """
    return _pretrain(lambda: retriever_stage.compose(overrides, config_dir))


def pretrain_planned(stage: Stage) -> Run:
    """Train a run whose config was composed and checked before; see `pretrain`."""
    return _pretrain(lambda: [stage])


def _pretrain(compose: Callable[[], list[Stage]]) -> Run:
    """Train the runs that rank 0 composes."""
    with launch_variables.ours_alone(), terminable():
        try:
            return _follow() if launch_variables.rank() > 0 else _lead(compose)
        except Interrupted as error:
            if isinstance(error.__cause__, Stopped):  # all ranks stop at the same step
                process_group.leave_together()
            raise


def _lead(compose: Callable[[], list[Stage]]) -> Run:
    """Train what the command asks for, on rank 0."""
    with process_group.leading() as tell:
        stages = compose()
        if len(stages) > 1 and _finished(stages[-1]) is None:
            build.protocols(stages[-1].config)  # mistakes are told before the first is trained
            build.data(stages[-1].config)
            retriever_stage.check_launcher(stages[0])
            print(f"first the retriever: {runs.folder(stages[0].config, stages[0].choices)}")
        while True:
            stage = stages.pop(0)
            with ExitStack() as held:
                run, parts, saved, loggers = _begin(stage, held)
                if not stages:
                    tell(run.path)
                with trainer.explained(run.checkpoints, run.standing):
                    if parts is None:
                        process_group.leave()
                    else:
                        _train(run, parts, saved, loggers)
                        _score(run, parts.data, loggers)
            if not stages:
                return run


def _begin(stage: Stage, held: ExitStack) -> Begun:
    """Begin or continue the run of a stage, on rank 0.

    Args:
        stage: the config of the run.
        held: keeps the run's lock, its status and its dashboards until the run ends.
    """
    path = runs.place(stage.config, stage.choices)
    before = _existing(path)
    if before and _is_finished(before):
        print(f"{path} is finished: {before.config['epochs']} epochs, evaluated")
        return Begun(before, None, None, [])
    begun = replace(before or Run(path, {}, {}), config=stage.config)
    parts = build.parts(begun.training_config, path)
    _say_precision(begun)
    for file in parts.data.splits.skipped:
        print(f"skipped {file}")
    for note in parts.data.splits.notes:
        print(f"data: {note}")
    held.enter_context(runs.lock(path))
    fingerprint = parts.data.splits.fingerprint()
    precision = str(parts.trainer.precision)
    run = runs.begin(path, stage.config, stage.choices, stage.overrides, fingerprint, precision)
    saved = _last_checkpoint(run)
    held.enter_context(status.recorded(path))
    loggers = list(construct.nodes(run.config["logger"], "logger", run=run).values())
    held.push(lambda _, error, __: wandb_logger.finish(loggers, error))
    return Begun(run, parts, saved, loggers)


def _follow() -> Run:
    """Train the run that rank 0 told this rank."""
    run = runs.load(process_group.hear())
    with trainer.explained(run.checkpoints, run.standing):
        if not _is_finished(run):
            parts = build.parts(run.training_config, run.path)
            _train(run, parts, checkpoints.newest(run.checkpoints), [])
        process_group.leave()
    return run


def _finished(stage: Stage) -> Run | None:
    """Return the finished run of a stage, if there is one; nothing is built to know it."""
    run = _existing(runs.place(stage.config, stage.choices))
    return run if run and _is_finished(run) else None


def _existing(path: Path) -> Run | None:
    return runs.load(path) if (path / "config.yaml").is_file() else None


def _say_precision(run: Run) -> None:
    """Print a note if `trainer.precision=auto` would choose another precision on this machine."""
    asked = run.config["trainer"]
    here = resolve_precision(resolve_accelerator(asked["accelerator"]), asked["precision"])
    if run.precision and asked["precision"] == "auto" and here != run.precision:
        print(
            f"note: {run.path} was begun in {run.precision} and goes on in it; "
            f"trainer.precision=auto would be {here} on this machine"
        )


def _is_finished(run: Run) -> bool:
    last = checkpoints.digest(run.checkpoints / checkpoints.LAST)
    return run.trained and report.is_whole(run.report.parent, last)


def _last_checkpoint(run: Run) -> Saved | None:
    """Read the checkpoint to go on from; torn ones are named and set aside.

    Raises:
        ConfigError: it is no checkpoint of a training.
    """
    saved = checkpoints.newest(run.checkpoints)
    if saved is not None:
        if missing := [key for key in OF_TRAINING if key not in saved.content]:
            raise ConfigError(
                f"{saved.path} is not of this run: it lacks {', '.join(missing)}; put the run's "
                "own checkpoint there, or delete the file"
            )
        for error in saved.torn:
            print(f"{error}; going on from {saved.path.name}, step {saved.step}")
        checkpoints.set_aside(saved)
        status.write_saved(run.path, saved)
    return saved


def _train(run: Run, parts: Parts, saved: Saved | None, loggers: list[Logger]) -> None:
    """Train a run unless it is trained, do what its report needs of all ranks, and part."""
    try:
        if not run.trained:
            fit(run, parts, saved, loggers)
        if distributed.world_size() > 1:
            scoring.extract_together(run, parts.data)
            scoring.fit_together(run, parts.data)
    finally:
        process_group.await_started(getattr(parts.trainer.strategy.launcher, "procs", []))
    process_group.leave()


def fit(run: Run, parts: Parts, saved: Saved | None, loggers: list[Logger]) -> None:
    """Train from the last checkpoint, or from the start, to the last epoch."""
    data, method, begins_with, lightning = parts
    lightning.loggers = loggers
    if lightning.is_global_zero:
        begins = saved.path.name if saved else begins_with
        content = ledger.ledger(run, data, method, lightning) | {"begins_with": begins}
        ledger.say(run, content)
        wandb_logger.log_ledger(loggers, content)
        doubts = (
            mismatch(method.backbone.family, run.config["optimizer"]["_target_"]),
            ledger.unending_warmup(method.schedule, run.config["epochs"]),
        )
        for said in filter(None, doubts):
            print(f"note: {said}")
        device = resolve_accelerator(run.config["trainer"]["accelerator"])
        if said := emulation(device, str(lightning.precision)):
            print(f"note: {said}")
        wandb_logger.log_views(loggers, gallery.views_of(data, gallery.some(data), 0))
        runs.keep_metrics_until(run.path, saved.step if saved else 0)
    trainer.hand_over(saved, lightning)
    trainer.adapt(method, lightning, compiled=run.config["trainer"].get("compile", False))
    lightning.fit(
        method, datamodule=data, ckpt_path=saved.path if saved else None, weights_only=True
    )
    if lightning.is_global_zero:
        status.write(run.path, state="trained")


def _score(run: Run, data: Data, loggers: list[Logger]) -> None:
    """Evaluate a trained run and write its report."""
    card, _ = scoring.make(run, data, run.config["evaluation"], measures=run.config.get("measures"))
    if loggers:
        wandb_logger.log_report(loggers, card, report.read_panels(run.path))
    status.write(run.path, state="finished")
