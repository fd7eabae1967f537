"""W&B: offline by default, never a prompt, never an account needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import wandb
from jaxtyping import UInt8
from pytorch_lightning.loggers import Logger, WandbLogger

from manyviews.errors import ConfigError
from manyviews.runs import Run


def wandb_logger(
    mode: Literal["offline", "online"],
    project: str,
    entity: str | None,
    tags: list[str],
    *,
    run: Run,
) -> WandbLogger:
    """A logger that continues the W&B run of this folder.

    Args:
        mode: "offline" writes into the run folder; `wandb sync` sends it later.
        project: of the dashboard.
        entity: account or team; null is the default of the login.
        tags: of the run.
        run: its config is logged, its folder holds the files.

    Raises:
        ConfigError: online without a login.
    """
    if mode == "online" and not wandb.login(prompt=False):
        raise ConfigError(
            "logger.wandb.mode=online needs a login: type `wandb login`, "
            "or logger.wandb.mode=offline"
        )
    experiment = wandb.init(
        mode=mode,
        project=project,
        entity=entity,
        tags=tags,
        id=run.wandb_id,
        name=run.path.name,
        dir=run.path,
        group=run.choices["method"],
        job_type="pretrain",
        config=run.config,
        resume="allow",
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    experiment.define_metric("*", step_metric="step")  # our own step: a resumed run goes on
    return WandbLogger(experiment=experiment)


def log_views(loggers: Iterable[Logger], views: dict[str, UInt8[np.ndarray, "B C h w"]]) -> None:
    """A panel with each of the given views, one picture a sample."""
    for logger in _wandb(loggers):
        panels = {
            f"views/{name}": [wandb.Image(image.transpose(1, 2, 0).squeeze()) for image in images]
            for name, images in views.items()
        }
        logger.experiment.log({"step": 0, **panels})


def log_scores(loggers: Iterable[Logger], report: dict[str, Any]) -> None:
    """The final table, and the trained backbone's scores as `eval/<protocol>/<metric>`."""
    columns: list[str | int] = ["protocol", "metric", "subject", "value", "low", "high", "n"]
    rows = [[score[c] for c in columns] for score in report["scores"]]
    for logger in _wandb(loggers):
        step = report["checkpoint"]["step"]
        logger.experiment.log({"step": step, "eval/table": wandb.Table(columns, rows)})
        for score in report["scores"]:
            if score["subject"] == "trained":
                key = f"eval/{score['protocol']}/{score['metric']}"
                logger.experiment.log({"step": step, key: score["value"]})


def finish(loggers: Iterable[Logger]) -> None:
    """Close the W&B run, so that the next one of this process is its own."""
    for logger in _wandb(loggers):
        logger.experiment.finish()


def _wandb(loggers: Iterable[Logger]) -> list[WandbLogger]:
    return [logger for logger in loggers if isinstance(logger, WandbLogger)]
