"""What a run is, on one page: compose, check, build, fit, evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from pytorch_lightning.loggers import Logger
from torch.distributed import DistError

from manyviews import build, checkpoints, config, process_group, retriever_stage, runs, scoring
from manyviews.backbones import weights
from manyviews.backbones.backbone import Backbone
from manyviews.build import Data
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.stop import Stop, Stopped
from manyviews.errors import ConfigError
from manyviews.evaluation import gallery
from manyviews.hardware import keep_freed_memory
from manyviews.loggers import ledger, wandb_logger
from manyviews.method import Method
from manyviews.nn import synchronise
from manyviews.optim.family import mismatch
from manyviews.retriever_stage import Stage
from manyviews.runs import Run
from manyviews.trainer import compile_parts


class Interrupted(RuntimeError):
    """The run was broken off; the last checkpoint is whole."""


class RankLost(RuntimeError):
    """Another process of this run died; the last checkpoint is whole."""


def pretrain(overrides: Sequence[str], config_dir: str | None = None) -> Run:
    """Train until the last epoch, then evaluate; an unfinished run of this config continues.

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
    with ExitStack() as held:
        try:
            run = _begun(overrides, config_dir, held)
        except _StoppedBefore as stopped:
            return stopped.run
        _finish(run, held)
    return run


class _StoppedBefore(Exception):
    """Ctrl-C or SIGTERM came while the run that is needed first was trained."""

    def __init__(self, run: Run) -> None:
        super().__init__(str(run.path))
        self.run = run


def _finish(run: Run, held: ExitStack) -> None:
    """Train what is left of a run, and evaluate it."""
    if run.trained and run.report.is_file():
        _say(f"{run.path} is finished: {run.config['epochs']} epochs, evaluated")
        return
    data = build.data(run.config)
    loggers: list[Logger] = []
    if process_group.launched_rank() == 0:
        loggers = list(build.nodes(run.config["logger"], run=run).values())
        held.callback(wandb_logger.finish, loggers)
    if not run.trained:
        fit(run, data, build.method(run.config, data), loggers)
    process_group.leave()
    if process_group.launched_rank() == 0 and run.trained:
        card, _ = scoring.make(run, data, run.config["evaluation"])
        wandb_logger.log_scores(loggers, card)


def _begun(overrides: Sequence[str], config_dir: str | None, held: ExitStack) -> Run:
    """The run of this command: rank 0 checks it and makes the folder, the others hear of it."""
    if process_group.launched_rank() > 0:
        folder = process_group.hear()
        if folder is None:
            raise SystemExit(2)  # rank 0 says why
        return runs.load(folder)
    try:
        run = _checked(overrides, config_dir, held)
        _restored(run)
    except BaseException:
        process_group.tell(None)
        raise
    process_group.tell(str(run.path.absolute()))
    return run


def _checked(overrides: Sequence[str], config_dir: str | None, held: ExitStack) -> Run:
    """The run of this command, behind the one that it needs first."""
    composed, choices = config.compose("pretrain", overrides, config_dir)
    composed, first = retriever_stage.resolved(composed, choices, config_dir)
    if first is not None:
        build.protocols(composed)  # mistakes are told before the first stage is trained
        build.data(composed)
        _train_first(first)
    return _prepared(composed, choices, overrides, held)


def _train_first(stage: Stage) -> None:
    """Train and evaluate a stage, or go on with it, or do nothing where that is done.

    Raises:
        ConfigError: it is not finished, and the processes of a launcher wait for this one.
    """
    path = runs.folder(stage.config, stage.choices)
    if process_group.launcher() and not (
        (path / "config.yaml").is_file() and runs.load(path).trained
    ):
        raise ConfigError(
            "under torchrun and SLURM the retriever has to be there first; type "
            f"manyviews pretrain {' '.join(stage.overrides)} seed={stage.config['seed']}"
        )
    with ExitStack() as held:
        _say(f"first the retriever: {path}")
        run = _prepared(stage.config, stage.choices, stage.overrides, held)
        _restored(run)
        _finish(run, held)
    if not run.trained:
        raise _StoppedBefore(run)


def _prepared(
    composed: config.Config, choices: Mapping[str, str], overrides: Sequence[str], held: ExitStack
) -> Run:
    """Build everything once, so that a mistake is told before a folder is made."""
    build.protocols(composed)
    data = build.data(composed)
    for file in data.splits.skipped:
        _say(f"skipped {file}")
    _initialise(build.method(composed, data), composed["init"])
    trainer = build.trainer(composed, build.callbacks(composed), [])
    data.loader(rank=0, world=trainer.world_size)
    path = runs.place(composed, choices)
    held.enter_context(runs.lock(path))
    return runs.begin(path, composed, choices, overrides, data.splits.fingerprint())


def _restored(run: Run) -> None:
    """Where the run stands; a torn checkpoint is named and set aside."""
    if saved := run.saved:
        for error in saved.torn:
            _say(f"{error}; going on from {saved.path.name}, step {saved.step}")
        checkpoints.set_aside(saved)


def _initialise(method: Method, init: str | None) -> str:
    """Take over another run's backbone, and what else of its weights fits; what was matched.

    Raises:
        ConfigError: the backbone does not fit, or has weights from elsewhere.
    """
    backbone = method.backbone
    if init is None:
        return backbone.begins_with
    if backbone.begins_with != Backbone.begins_with:
        raise ConfigError(
            f"init={init} and backbone.weights (or pretrained) both begin it; leave one out"
        )
    checkpoint = checkpoints.read(checkpoints.find(init))
    matched = weights.load(backbone, checkpoints.backbone(checkpoint), f"init={init}")
    # Parameters alone: a method's own state (queues, counters) begins anew.
    heads = {n: p for n, p in method.named_parameters() if not n.startswith("backbone.")}
    state: dict[str, torch.Tensor] = checkpoint["state_dict"]
    fitting = {n: state[n] for n in heads if n in state and state[n].shape == heads[n].shape}
    method.load_state_dict(fitting, strict=False)
    return f"{matched}; {len(fitting)} of {len(heads)} behind it"


def _say(text: str) -> None:
    if process_group.launched_rank() == 0:
        print(text)


def fit(run: Run, data: Data, method: Method, loggers: list[Logger]) -> None:
    """Train from the last checkpoint, or from the start, to the last epoch."""
    watching = [
        Metrics(run.path / "metrics.jsonl", run.config["trainer"]["log_every_n_steps"]),
        Noise(run.config["seed"]),
        *build.callbacks(run.config),
        (stop := Stop()),
        Checkpoint(run.checkpoints, run.config["save_every_n_steps"], stop),
    ]
    saved = run.saved
    begins = _initialise(method, run.config["init"]) if saved is None else saved.path.name
    trainer = build.trainer(run.config, watching, loggers)
    if trainer.is_global_zero:
        ledger.say(run, ledger.ledger(run, data, method, trainer) | {"begins_with": begins})
        if said := mismatch(method.backbone.family, run.config["optimizer"]["_target_"]):
            _say(f"note: {said}")
        wandb_logger.log_views(loggers, gallery.views_of(data, gallery.some(data), 0))
        runs.keep_metrics_until(run.path, saved.step if saved else 0)
    if trainer.world_size > 1:
        synchronise(method, trainer.strategy.root_device)
    if trainer.precision == "64-true":
        method.double()  # Lightning does it after reading the checkpoint, which loses digits
    if run.config["trainer"].get("compile"):  # behind whatever replaces modules
        compile_parts(method)
    if "bf16" in str(trainer.precision):
        method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    try:
        trainer.fit(
            method,
            datamodule=data,
            ckpt_path=saved.path if saved else None,
            weights_only=True,
        )
    except Stopped:
        _say(f"stopped, {_standing(run)}")
    except SystemExit as error:  # Lightning's answer to a second Ctrl-C
        raise Interrupted(f"broken off, {_standing(run)}") from error
    except RuntimeError as error:
        gloo = type(error) is RuntimeError and "gloo" in str(error)  # it has no kind of its own
        if gloo or isinstance(error, DistError):
            raise RankLost(f"another process of this run died, {_standing(run)}") from error
        raise


def _standing(run: Run) -> str:
    saved = run.saved
    step, epochs = (saved.step, saved.epochs) if saved else (0, 0)
    return (
        f"step {step} ({epochs} of {run.config['epochs']} epochs) is saved in {run.path}: "
        "the same command continues"
    )


def evaluate(overrides: Sequence[str], config_dir: str | None = None) -> Path:
    """Write the report of a run; what was scored on its checkpoint before is not computed again.

    Args:
        overrides: `run=FOLDER`, and what else `conf/evaluate.yaml` holds.
        config_dir: a folder with config groups of your own.

    Returns:
        The report.json.

    Raises:
        ConfigError: not a run folder, or a mistake in what was asked for.
    """
    composed, _ = config.compose("evaluate", overrides, config_dir)
    keep_freed_memory()
    run = runs.load(composed["run"])
    data = build.data(run.config)
    ckpt: str = composed["ckpt"]
    card, renewed = scoring.make(run, data, composed["evaluation"], ckpt)
    if renewed:
        loggers = list(build.nodes(composed["logger"], run=run).values())
        wandb_logger.log_scores(loggers, card)
        wandb_logger.finish(loggers)
    return run.report_of(ckpt)
