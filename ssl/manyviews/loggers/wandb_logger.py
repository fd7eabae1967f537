"""Log to W&B: offline by default, without prompts, and without an account.

The training process only writes files. `mode=online` starts a second process that sends them, so a
server that is slow or never answers cannot delay training.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

# Before the import: wandb's own error reports wait for the network at exit, in offline mode too.
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")

import numpy as np
import wandb
from jaxtyping import UInt8
from pytorch_lightning.loggers import Logger, WandbLogger

from manyviews.errors import ConfigError, Terminated
from manyviews.evaluation.words import score_name
from manyviews.loggers.wandb_panels import media
from manyviews.panels import Panel
from manyviews.runs import Run, write_json
from manyviews.runs.run import AGENT

TAGGED = ("method", "data", "backbone")  # chosen names that are tags
PATIENCE = 10.0  # seconds for which the end of a run waits for its sender


class SentLogger(WandbLogger):
    """A W&B logger with a second process that sends its files.

    Args:
        experiment: the offline W&B run.
    """

    def __init__(self, experiment: Any) -> None:
        super().__init__(experiment=experiment)
        self.folder = Path(experiment.settings.sync_dir)
        self.log = self.folder.with_suffix(".sent.log")
        with self.log.open("w", encoding="utf-8") as log:
            self.sender = subprocess.Popen(
                [sys.executable, "-m", "manyviews.loggers.wandb_sender", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must reach the training only
            )

    def close(self) -> None:
        """Close the pipe and wait a few seconds; then print how to send what is still missing."""
        later = f"type `wandb sync {self.folder}` to send it yourself"
        try:
            self.sender.communicate(timeout=PATIENCE)
            if self.sender.returncode:
                print(f"W&B did not take this run ({self._reason()}), see {self.log}; {later}")
        except subprocess.TimeoutExpired:
            print(f"W&B has not taken everything yet, process {self.sender.pid} goes on; {later}")

    def _reason(self) -> str:
        """Return the last error that the sender wrote, in one line."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if "ERROR" in line] or lines or ["no answer"]
        return said[-1].removeprefix("wandb: ").removeprefix("ERROR ")[:150]


def open_wandb(
    mode: Literal["offline", "online"],
    project: str,
    entity: str | None,
    tags: list[str],
    group: str | None = None,
    job_type: str = "pretrain",
    notes: str | None = None,
    system: bool = True,
    *,
    run: Run,
) -> WandbLogger:
    """Return a logger that continues the W&B run of this run folder.

    Below an agent of a W&B sweep that is the run which the agent began; W&B itself then takes the
    project and the account of the sweep. `wandb/id.json` keeps its id, so that a run that is
    continued, by whatever command, is the same one.

    Args:
        mode: "offline" writes into the run folder; `wandb sync` sends it later. "online" also sends
            it from another process during training.
        project: the W&B project.
        entity: the W&B account or team; None is the default of the login.
        tags: tags of the W&B run, beside the names of method, data and backbone.
        group: the group of the W&B run; None: what W&B's variable WANDB_RUN_GROUP says, which in
            a sweep is the name of the sweep, otherwise the name of the method.
        job_type: the job type of the W&B run.
        notes: a text that W&B shows with the run; None: none.
        system: True to log the load of processor, memory and GPU.
        run: the run whose config is logged, and whose folder holds the files.

    Raises:
        ConfigError: mode is "online" without a login.
    """
    if given := agents_run():
        write_json(run.path / AGENT, given)
        os.environ.setdefault("WANDB_PROJECT", project)  # of an agent that was told no project
    # Set up before the login, which would otherwise ask the server for the user's name.
    wandb.setup(wandb.Settings(silent=True))
    if mode == "online" and not wandb.login(prompt=False, verify=False):
        raise ConfigError(
            "logger.wandb.mode=online needs a login: type `wandb login`, "
            "or logger.wandb.mode=offline"
        )
    experiment = wandb.init(
        mode="offline",
        project=project,
        entity=entity,
        tags=[*dict.fromkeys([*tags, *(run.choices[k] for k in TAGGED if k in run.choices)])],
        notes=notes,
        id=run.wandb_id,
        name=run.path.name,
        dir=run.path.absolute(),  # the service that writes may have begun in another folder
        group=group or os.environ.get("WANDB_RUN_GROUP") or run.choices["method"],
        job_type=job_type,
        config={**run.config, "chosen": dict(run.choices)},
        resume="allow",
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=not system),
    )
    experiment.define_metric("*", step_metric="step")  # our step, so that a resumed run continues
    return SentLogger(experiment) if mode == "online" else WandbLogger(experiment=experiment)


def agents_run() -> dict[str, str] | None:
    """Return the ids of the run and the sweep that an agent of W&B began this process for."""
    run, sweep = (os.environ.get(name) for name in ("WANDB_RUN_ID", "WANDB_SWEEP_ID"))
    return {"id": run, "sweep": sweep} if run and sweep else None


def log_ledger(loggers: Iterable[Logger], content: dict[str, Any]) -> None:
    """Put the ledger into the config of the W&B run, under `ledger`."""
    for logger in _wandb(loggers):
        logger.experiment.config.update({"ledger": content}, allow_val_change=True)


def log_views(loggers: Iterable[Logger], views: dict[str, UInt8[np.ndarray, "B C h w"]]) -> None:
    """Log one panel per view, with one picture per sample."""
    for logger in _wandb(loggers):
        panels = {
            f"views/{name}": [wandb.Image(image.transpose(1, 2, 0).squeeze()) for image in images]
            for name, images in views.items()
        }
        logger.experiment.log({"step": 0, **panels})


def log_report(
    loggers: Iterable[Logger], report: dict[str, Any], panels: Iterable[Panel] = ()
) -> None:
    """Log the table of scores, those of the trained backbone by name, and the report's panels.

    A score on test items is `eval/<protocol>/<metric>`, one on validation items is
    `val/<protocol>/<metric>`; blocks of panels are `panels/<panel>/<number>`.
    """
    columns: list[str | int] = [
        "protocol",
        "metric",
        "subject",
        "split",
        "value",
        "low",
        "high",
        "n",
    ]
    rows = [[score.get(column) for column in columns] for score in report["scores"]]
    for logger in _wandb(loggers):
        values: dict[str, Any] = {"step": report["checkpoint"]["step"]}
        values["eval/table"] = wandb.Table(columns, rows)
        for score in report["scores"]:
            if score["subject"] == "trained" and score["value"] is not None:
                values[score_name(score)] = score["value"]
        logger.experiment.log(values | media(panels))


def log_last(loggers: Iterable[Logger], values: dict[str, float]) -> None:
    """Log the last values of metrics that were measured while an earlier session trained."""
    for logger in _wandb(loggers):
        logger.experiment.log(values)


def finish(loggers: Iterable[Logger], error: BaseException | None = None) -> None:
    """Close the W&B run, so that the next run of this process starts a new one.

    Args:
        loggers: the loggers of the run.
        error: what ended it; None if it is done. A trial of a W&B sweep that was told to end by
            SIGTERM is marked as pre-empted, and W&B gives it to an agent again.
    """
    for logger in _wandb(loggers):
        if isinstance(error, Terminated) and agents_run():
            logger.experiment.mark_preempting()
        logger.experiment.finish(0 if error is None else getattr(error, "exit_code", 1))
        if isinstance(logger, SentLogger):
            logger.close()


def _wandb(loggers: Iterable[Logger]) -> list[WandbLogger]:
    return [logger for logger in loggers if isinstance(logger, WandbLogger)]
