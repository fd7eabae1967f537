"""Agents of W&B: the server chooses the values, and each trial is an ordinary run of ours.

`manyviews sweep wandb FILE` prints what `wandb sweep` takes. An agent then begins each trial as
`manyviews sweep trial ARGS.json`. The file holds the chosen values by key. If the agent continues a
trial, it also holds whatever the W&B run had logged as its config. So a parameter of the sweep,
`sweep.keys`, lists the keys that are the sweep's own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from manyviews import config, launch_variables, retriever_stage, runs
from manyviews.config import Axis, as_text
from manyviews.errors import ConfigError
from manyviews.retriever_stage import Stage
from manyviews.runs import Run, status
from manyviews.runs.files import METRICS, read_object
from manyviews.schema import Config
from manyviews.sweeps import plan, request
from manyviews.sweeps.search import check_metric

COMMAND = ["${env}", "${interpreter}", "-m", "manyviews", "sweep", "trial", "${args_json_file}"]
# Parameters with one value: which keys are overrides, and which of these take whole numbers only.
KEYS, WHOLE = "sweep.keys", "sweep.whole"
METHODS = {None: "grid", "tpe": "bayes", "gp": "bayes", "qmc": "random", "random": "random"}
MODE = "logger.wandb.mode"
HEAD = """\
# Made by `manyviews sweep wandb {file}`. W&B chooses the values; its agents train the runs.
# method: {method}, because {why}
# 1. wandb sweep THIS_FILE               says the id of the sweep
# 2. wandb agent ENTITY/PROJECT/ID       on every machine that shall train
"""


def wandb_sweep(file: str, config_dir: str | None = None) -> str:
    """Return the YAML that `wandb sweep` takes for a sweep file of ours.

    Args:
        file: a file with keys of `sweep`, such as `overrides`, as `sweep=FILE` takes it.
        config_dir: a folder with config groups of your own; agents need it at the same place.

    Raises:
        ConfigError: a mistake in the file or in any corner of the space; a metric that no run logs
            or that is measured on test items; something that agents cannot do.
    """
    if not file.endswith(request.FILES):
        raise ConfigError(f"{file}: type a YAML file with keys of sweep, such as mine.yaml")
    settings = request.read([f"sweep={file}"], config_dir).sweep
    _check_possible(settings)
    method = METHODS[settings["sampler"]] if "sampler" in settings else "grid"
    fixed, axes = config.space(settings["overrides"], config_dir)
    _check_axes(axes, method, file)
    composed = _check_corners(fixed, axes, config_dir)
    content: dict[str, Any] = {"name": settings["name"]} if settings["name"] else {}
    content |= _place(composed)
    content |= {"program": "manyviews", "command": _command(config_dir), "method": method}
    if method != "grid":
        content["metric"] = _metric(settings["metric"], composed)
        content["run_cap"] = settings["trials"]
    content["parameters"] = _parameters(fixed, axes)
    why = "it is a grid" if method == "grid" else f"the sampler is {settings['sampler']}"
    head = HEAD.format(file=file, method=method, why=why)
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _check_possible(settings: Config) -> None:
    """Raise if the sweep asks for what agents cannot do.

    Raises:
        ConfigError: says what to leave out.
    """
    if settings["minutes"] is not None:
        raise ConfigError("sweep.minutes: an agent of W&B knows no longest time; leave it out")
    if settings.get("pruner", "none") != "none":
        raise ConfigError(
            f"sweep.pruner={settings['pruner']}: an agent of W&B ends a trial with SIGTERM, after "
            "which W&B would begin it again; leave it out, or type `manyviews pretrain -m`"
        )


def _check_axes(axes: Sequence[Axis], method: str, file: str) -> None:
    """Raise unless there is something to choose, in a way that the method knows.

    Raises:
        ConfigError: says what to write.
    """
    if not axes:
        raise ConfigError(f"{file}: nothing to choose; write overrides: ['seed=0,1']")
    intervals = [axis.key for axis in axes if not axis.choices]
    if method == "grid" and intervals:
        raise ConfigError(
            f"{intervals[0]} has an interval, and a grid needs single values; write base: optuna "
            "for a search, or a list such as 0.1,0.2"
        )


def _check_corners(fixed: Sequence[str], axes: Sequence[Axis], config_dir: str | None) -> Config:
    """Compose a run with each choice and each end of an interval, and return the first config.

    Raises:
        ConfigError: a mistake in one of them; a run that does not log to W&B; a value that is
            another one after it was written as JSON.
    """
    cells = config.corners(fixed, axes)
    again = [[_override(*_key_and_value(text)) for text in cell] for cell in cells]
    composed = [*config.compose_cells(cells, config_dir)]
    changed = [i for i, cell in enumerate(cells) if again[i] != cell]
    pairs = zip(changed, config.compose_cells([again[i] for i in changed], config_dir), strict=True)
    for i, (other, _) in pairs:
        if other != composed[i][0]:
            raise ConfigError(_what_changed(cells[i], composed[i][0], other))
    for cell, (one, choices) in zip(cells, composed, strict=True):
        plan.check_resume(one)
        retriever_stage.stages(one, choices, cell, config_dir)
        _place(one)
    return composed[0][0]


def _what_changed(cell: Sequence[str], first: Config, second: Config) -> str:
    """Return which override has another value after it was written as JSON, and what to type."""
    for text in cell:
        key = _key_and_value(text)[0].lstrip("+~")
        if _at(first, key) != _at(second, key):
            value = text.partition("=")[2]
            return f"'{text}' is text that looks like a number; put quotes around {value}"
    return f"'{' '.join(cell)}' holds text that looks like a number; put quotes around it"


def _at(composed: Config, key: str) -> Any:
    node: Any = composed
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _key_and_value(text: str) -> tuple[str, Any]:
    """Return the key of an override as it was typed, and its value as JSON has it."""
    override = config.parsed(text)
    return override.get_key_element(), override.value()


def _override(key: str, value: Any) -> str:
    """Return a key and a value from JSON as an override; `~key` without a value removes the key."""
    return key if key.startswith("~") and value is None else f"{key}={as_text(value)}"


def _place(composed: Config) -> dict[str, Any]:
    """Return the project and the account of the runs.

    Raises:
        ConfigError: the runs do not log to W&B.
    """
    node = composed["logger"].get("wandb")
    if node is None:
        raise ConfigError("logger.wandb is null, and W&B chooses by what it gets; leave that out")
    return {key: node[key] for key in ("project", "entity") if node.get(key)}


def _command(config_dir: str | None) -> list[str]:
    return COMMAND + (["--config-dir", str(Path(config_dir).absolute())] if config_dir else [])


def _metric(name: str, composed: Config) -> dict[str, str]:
    """Return the metric as W&B takes it, whose best value is the largest or the least.

    Raises:
        ConfigError: no run logs it, it is measured on test items, or its best value lies between.
    """
    from manyviews.evaluation.measures.label_free import merit

    check_metric(name, composed, "sweep.metric")
    merits = [merit(name, value) for value in (0.0, 1.0, 2.0)]
    if merits not in (sorted(merits), sorted(merits, reverse=True)):
        raise ConfigError(
            f"sweep.metric={name} is best near 1, and W&B only makes a metric large or small; "
            "type another one, such as rankme, or search with `manyviews pretrain -m`"
        )
    return {"name": name, "goal": "maximize" if merits[0] < merits[-1] else "minimize"}


def _parameters(fixed: Sequence[str], axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the parameters of the sweep by the keys of our overrides."""
    found: dict[str, Any] = {}
    for key, value in map(_key_and_value, fixed):
        found[key] = {"value": value}
    for axis in axes:
        found[axis.key] = _distribution(axis)
    keys, whole = [*found], [axis.key for axis in axes if axis.whole]
    return {**found, KEYS: {"value": keys}, WHOLE: {"value": whole}}


def _distribution(axis: Axis) -> dict[str, Any]:
    """Return the values of an axis as W&B takes them."""
    if axis.choices:
        return {"values": [_key_and_value(text)[1] for text in axis.ends]}
    ends = {"min": axis.low, "max": axis.high}
    if axis.whole:
        kind = {"distribution": "q_log_uniform_values", "q": 1} if axis.log else {}
        return {"distribution": "int_uniform", **kind, "min": int(axis.low), "max": int(axis.high)}
    return {"distribution": "log_uniform_values" if axis.log else "uniform", **ends}


def overrides_of(file: str) -> list[str]:
    """Return the overrides of a trial from the file that an agent wrote for it.

    Keys that are not the sweep's own, such as `_wandb`, are dropped.

    Raises:
        ConfigError: it is no such file, or a value of the sweep is missing.
    """
    given = read_object(Path(file))
    if given is None:
        raise ConfigError(f"{file} is no JSON file with the values of a trial")
    keys, whole = given.get(KEYS), given.get(WHOLE) or []
    if not isinstance(keys, list):
        raise ConfigError(
            f"{file} has no {KEYS}; agents write it if the sweep is one that "
            "`manyviews sweep wandb FILE` printed"
        )
    if missing := [key for key in keys if key not in given]:
        raise ConfigError(f"{file} has no value of {', '.join(map(str, missing))}")
    return [_override(key, int(given[key]) if key in whole else given[key]) for key in keys]


def run_trial(file: str, config_dir: str | None = None) -> Path:
    """Train a trial that an agent of W&B began, and return its run folder.

    W&B gets the scores of a run that was finished before, too.

    Args:
        file: JSON with the values of the trial, as the agent wrote it.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in the file; and whatever a run raises.
    """
    overrides = overrides_of(file)
    if not any(text.startswith(f"{MODE}=") for text in overrides):
        offline = os.environ.get("WANDB_MODE") == "offline"
        overrides.append(f"{MODE}={'offline' if offline else 'online'}")
    *before, last = retriever_stage.compose(overrides, config_dir)
    from manyviews import train

    if launch_variables.rank() == 0:
        for stage in before:
            retriever_stage.check_launcher(stage)
            if not _is_finished(stage):
                # The agent's run is that of the last stage.
                train.pretrain_planned(stage._replace(config={**stage.config, "logger": {}}))
    run = train.pretrain_planned(last)
    if launch_variables.rank() == 0:
        _tell_scores(run, last)
    return run.path


def _is_finished(stage: Stage) -> bool:
    known = status.read(runs.folder(stage.config, stage.choices))
    return known is not None and known.state == "finished"


def _tell_scores(run: Run, stage: Stage) -> None:
    """Give W&B the scores of a run that was finished before the agent began this trial."""
    from manyviews import construct, report
    from manyviews.loggers import wandb_logger
    from manyviews.sweeps.boards.found import last_records

    given = wandb_logger.agents_run()
    card = read_object(run.report)
    if given is None or given["id"] == run.wandb_id or card is None:
        return
    loggers = list(construct.nodes(stage.config["logger"], "logger", run=run).values())
    last = last_records(run.path / METRICS)
    wandb_logger.log_last(loggers, {k: v for k, v in last.items() if k.startswith("online/")})
    wandb_logger.log_report(loggers, card, report.read_panels(run.path))
    wandb_logger.finish(loggers)
