"""What a run is, on one page: compose, check, build, fit, evaluate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pytorch_lightning.loggers import Logger

from manyviews import build, config, dashboards, ledger, report_card, runs
from manyviews.callbacks import Checkpoint, Metrics
from manyviews.datamodules.images import ImageData
from manyviews.method import Method
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
    composed, choices = config.compose("pretrain", overrides, config_dir)
    build.protocols(composed)
    data = build.data(composed)
    data.train_dataloader()  # a batch that does not fit the set is told before a folder is made
    method = build.method(composed, data)
    run = runs.begin(composed, choices, overrides)
    if run.trained and run.report.is_file():
        print(f"{run.path} is finished: {run.epoch} of {composed['epochs']} epochs, evaluated")
        return run
    loggers = list(build.nodes(composed["logger"], run=run).values())
    try:
        if not run.trained:
            fit(run, data, method, loggers)
        card, _ = report_card.make(run, data, composed["evaluation"])
        dashboards.log_scores(loggers, card)
    finally:
        dashboards.finish(loggers)
    return run


def fit(run: Run, data: ImageData, method: Method, loggers: list[Logger]) -> None:
    """Train from the last checkpoint, or from the start, to the last epoch."""
    watching = [
        Metrics(run.path / "metrics.jsonl", run.config["trainer"]["log_every_n_steps"]),
        *build.callbacks(run.config),
        Checkpoint(run.checkpoint),
    ]
    trainer = build.trainer(run.config, watching, loggers)
    ledger.say(run, ledger.ledger(run, data, method, trainer))
    dashboards.log_views(loggers, report_card.views_of(data))
    runs.keep_metrics_until(run.path, run.step)
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
