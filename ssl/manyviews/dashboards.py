"""W&B: offline by default, never a prompt, never an account needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import wandb
from pytorch_lightning.loggers import WandbLogger

from manyviews.datamodules.images import ImageData
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
        mode: "offline" writes to the folder; `wandb sync` sends it later.
        project: of the dashboard.
        entity: account or team; null is the default of the login.
        tags: of the run.
        run: its config is logged, its folder holds the files.

    Raises:
        ConfigError: online without a login.
    """
    if mode == "online" and not wandb.Api.api_key.fget:  # pragma: no cover
        raise ConfigError("unreachable")
    logger = WandbLogger(
        name=run.path.name,
        save_dir=run.path,
        project=project,
        id=run.wandb_id,
        offline=mode == "offline",
        resume="allow",
        entity=entity,
        tags=tags,
        group=str(run.choices.get("experiment") or run.choices["method"]),
        job_type="pretrain",
        config=run.config,
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    logger.experiment.define_metric("*", step_metric="step", step_sync=False)
    return logger


def log_views(logger: WandbLogger, data: ImageData) -> None:
    """A panel with the views that the first eight images have in epoch 0."""
    raise NotImplementedError


def log_scores(logger: WandbLogger, report: dict[str, Any], page: Path) -> None:
    """The final table and every score as a summary value."""
    raise NotImplementedError
