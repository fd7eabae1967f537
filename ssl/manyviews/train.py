"""What a run is, on one page: compose, check, build, fit, evaluate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pytorch_lightning.loggers import Logger

from manyviews import build, config, dashboards, launch, ledger, report_card, runs
from manyviews.callbacks import Checkpoint, Metrics
from manyviews.datamodules.images import ImageData
from manyviews.method import Method
from manyviews.nn import synchronise
from manyviews.runs import Run


class Interrupted(RuntimeError):
    """The user stopped the run; the last checkpoint is whole."""


def pretrain(overrides: Sequence[str], config_dir: str | None = None) -> Run:
    """Train until the last epoch, then evaluate; an unfinished run of this config continues.

    Args:
        overrides: as on the command line.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in what was asked for, before any training.
        NotFinite: the loss became NaN; the last good checkpoint stays.
        Interrupted: by the keyboard.
    """
    run = _begun(overrides, config_dir)
    if run.trained and run.report.is_file():
        _say(f"{run.path} is finished: {run.epoch} of {run.config['epochs']} epochs, evaluated")
        return run
    data = build.data(run.config)
    loggers: list[Logger] = []
    if launch.rank() == 0:
        loggers = list(build.nodes(run.config["logger"], run=run).values())
    try:
        if not run.trained:
            fit(run, data, build.method(run.config, data), loggers)
        launch.leave()
        if launch.rank() == 0:
            card, _ = report_card.make(run, data, run.config["evaluation"])
            dashboards.log_scores(loggers, card)
    finally:
        dashboards.finish(loggers)
    return run


def _begun(overrides: Sequence[str], config_dir: str | None) -> Run:
    """The run of this command: rank 0 checks it and makes the folder, the others hear of it."""
    if launch.rank() > 0:
        folder = launch.hear()
        if folder is None:
            raise SystemExit(2)  # rank 0 says why
        return runs.load(folder)
    try:
        run = _checked(overrides, config_dir)
    except BaseException:
        launch.tell(None)
        raise
    launch.tell(str(run.path.absolute()))
    return run


def _checked(overrides: Sequence[str], config_dir: str | None) -> Run:
    """Build everything once, so that a mistake is told before a folder is made."""
    composed, choices = config.compose("pretrain", overrides, config_dir)
    build.protocols(composed)
    data = build.data(composed)
    build.method(composed, data)
    trainer = build.trainer(composed, build.callbacks(composed), [])
    data.loader(rank=0, world=trainer.world_size)
    return runs.begin(composed, choices, overrides)


def _say(text: str) -> None:
    if launch.rank() == 0:
        print(text)


def fit(run: Run, data: ImageData, method: Method, loggers: list[Logger]) -> None:
    """Train from the last checkpoint, or from the start, to the last epoch."""
    watching = [
        Metrics(run.path / "metrics.jsonl", run.config["trainer"]["log_every_n_steps"]),
        *build.callbacks(run.config),
        Checkpoint(run.checkpoint),
    ]
    trainer = build.trainer(run.config, watching, loggers)
    if trainer.is_global_zero:
        ledger.say(run, ledger.ledger(run, data, method, trainer))
        dashboards.log_views(loggers, report_card.views_of(data))
        runs.keep_metrics_until(run.path, run.step)
    if trainer.world_size > 1:
        synchronise(method, trainer.strategy.root_device)
    if "bf16" in str(trainer.precision):
        method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    try:
        trainer.fit(
            method,
            datamodule=data,
            ckpt_path=run.checkpoint if run.step else None,
            weights_only=True,
        )
    except SystemExit as stop:  # Lightning's answer to Ctrl-C
        raise Interrupted(
            f"interrupted; {run.epoch} of {run.config['epochs']} epochs are saved in {run.path}: "
            "the same command continues"
        ) from stop


def evaluate(overrides: Sequence[str], config_dir: str | None = None) -> Run:
    """Write the report of a run; what was scored on its checkpoint before is not computed again.

    Args:
        overrides: `run=FOLDER`, and what else `conf/evaluate.yaml` holds.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: not a run folder, or a mistake in what was asked for.
    """
    composed, _ = config.compose("evaluate", overrides, config_dir)
    run = runs.load(composed["run"])
    data = build.data(run.config)
    card, renewed = report_card.make(run, data, composed["evaluation"])
    if renewed:
        loggers = list(build.nodes(composed["logger"], run=run).values())
        dashboards.log_scores(loggers, card)
        dashboards.finish(loggers)
    return run
