"""The Lightning trainer of a run: devices, precision, torch.compile, and how a fit ends."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from manyviews import launch_variables, process_group
from manyviews.callbacks.checkpoint_files import CheckpointFiles
from manyviews.callbacks.stop import Stopped
from manyviews.checkpoints import LAST, Saved
from manyviews.errors import ConfigError, Interrupted, RankLost, RunFailed, one_line
from manyviews.hardware import (
    Accelerator,
    Precision,
    check_precision,
    memory_error,
    resolve_accelerator,
    resolve_precision,
    usable_cores,
)
from manyviews.nn import synchronise

FEW = 4  # so many processes may share fewer cores, to try out what several do


def build_trainer(
    accelerator: Accelerator,
    devices: int | Literal["auto"],
    nodes: int,
    precision: Precision,
    accumulate_grad_batches: int,
    limit_train_batches: int | None,
    log_every_n_steps: int,
    compile: bool = False,  # noqa: A002
    *,
    epochs: int,
    callbacks: list[pl.Callback],
    logger: list[Logger],
) -> pl.Trainer:
    """Return a Lightning trainer without Lightning's own progress bar, checkpoints and sampler.

    Args:
        accelerator: "auto" takes the GPU if there is one.
        devices: processes per node, each with a device; "auto" is every GPU, or one CPU process.
        nodes: number of machines.
        precision: "auto" is bf16-mixed if the processor has bf16 instructions, else 32-true.
        accumulate_grad_batches: batches per optimizer step.
        limit_train_batches: optimizer steps per epoch; None for all.
        log_every_n_steps: steps whose metrics are averaged into one record; `callbacks.Metrics`
            reads it.
        compile: whether `train.fit` compiles backbone and heads with torch.compile.
        epochs: length of the run.
        callbacks: in the order in which they are called.
        logger: dashboards.

    Raises:
        ConfigError: the device, or that many devices, do not exist here; a number of batches is
            below 1; or no compiler works.
    """
    _check_batches(accumulate_grad_batches, limit_train_batches)
    lacks_gpu = accelerator in ("gpu", "cuda") and not torch.cuda.is_available()
    if lacks_gpu or (accelerator == "mps" and not torch.backends.mps.is_available()):
        raise ConfigError(f"trainer.accelerator={accelerator}: no GPU here; type cpu or auto")
    device = resolve_accelerator(accelerator)
    if nodes < 1:
        raise ConfigError(f"trainer.nodes={nodes}; allowed: 1 or more")
    check_precision(device, precision)
    world = resolve_devices(device, devices) * nodes
    if compile:
        check_compiler("cuda" if device == "gpu" else device)
    return pl.Trainer(
        accelerator=device,
        devices=world // nodes,
        num_nodes=nodes,
        strategy=_strategy(world, nodes),
        precision=resolve_precision(device, precision),
        max_epochs=epochs,
        accumulate_grad_batches=accumulate_grad_batches,
        limit_train_batches=limit_train_batches and limit_train_batches * accumulate_grad_batches,
        log_every_n_steps=1,  # Lightning's own logging is not used; callbacks.Metrics writes
        callbacks=callbacks,
        logger=logger,
        plugins=[CheckpointFiles(), process_group.environment()],  # not what Lightning guesses
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        use_distributed_sampler=False,
    )


def _check_batches(accumulate: int, limit: int | None) -> None:
    """Raise unless every step has a batch and every epoch has a step."""
    if accumulate < 1:
        raise ConfigError(f"trainer.accumulate_grad_batches={accumulate}; allowed: 1 or more")
    if limit is not None and limit < 1:
        raise ConfigError(
            f"trainer.limit_train_batches={limit}; allowed: 1 or more, or null for all batches"
        )


def resolve_devices(accelerator: str, devices: int | Literal["auto"]) -> int:
    """Return the number of processes per node.

    Raises:
        ConfigError: fewer than one, or more than there are GPUs, or than a CPU can run.
    """
    gpus = torch.cuda.device_count() if accelerator == "gpu" else 0
    if devices == "auto":
        return max(gpus, 1)
    most = gpus or (1 if accelerator == "mps" else max(usable_cores(), FEW))
    if not 1 <= devices <= most:
        raise ConfigError(f"trainer.devices={devices}; allowed here: 1 to {most}")
    return devices


def _strategy(world: int, nodes: int) -> DDPStrategy | str:
    outer = process_group.launcher()
    begun = outer.world_size() if outer else world
    if begun != world:
        raise ConfigError(
            f"{begun} processes were begun, but trainer.devices={world // nodes} and "
            f"trainer.nodes={nodes} make {world}; type trainer.devices={begun // nodes}"
        )
    if outer is None and nodes > 1:
        raise ConfigError(f"trainer.nodes={nodes}: more than one node needs torchrun or SLURM")
    if outer is not None:
        _check_layout(outer, world // nodes, nodes)
    if world == 1:
        return "auto"
    # Buffers are equal on all ranks by construction; broadcasting them would hide it if not.
    renamed = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
    no_broadcast: dict[str, Any] = {
        "forward_sync_buffers" if renamed else "broadcast_buffers": False
    }
    return DDPStrategy(process_group_backend=process_group.backend(), **no_broadcast)


def _check_layout(outer: ClusterEnvironment, devices: int, nodes: int) -> None:
    """Raise if a launcher put other numbers of processes on its nodes than the trainer has."""
    try:
        outer.validate_settings(devices, nodes)
    except ValueError as error:
        raise ConfigError(
            f"trainer.devices={devices} trainer.nodes={nodes} are not what the launcher began; "
            "type the processes of each node, and the number of nodes"
        ) from error


def adapt(method: pl.LightningModule, trainer: pl.Trainer, *, compiled: bool) -> None:
    """Prepare a method for its trainer: shared batch norm, float64, kernels, memory format.

    Args:
        method: a method, or a classifier that an evaluation trains; changed in place.
        trainer: says the number of processes and the precision.
        compiled: whether backbone and heads are compiled.
    """
    if trainer.world_size > 1:
        synchronise(method, trainer.strategy.root_device)
    if trainer.precision == "64-true":
        method.double()  # Lightning does it after reading the checkpoint, which loses digits
    if compiled:  # after everything that replaces modules
        compile_parts(method)
    if "bf16" in str(trainer.precision):
        method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def hand_over(saved: Saved | None, trainer: pl.Trainer) -> None:
    """Give the trainer a checkpoint that was read already, so that it is not read again."""
    files = trainer.strategy.checkpoint_io
    if isinstance(files, CheckpointFiles):
        files.saved = saved


@contextmanager
def explained(checkpoints: Path, standing: Callable[[], str]) -> Iterator[None]:
    """Turn the ways in which a training breaks off into errors that say how to go on.

    Args:
        checkpoints: folder of last.ckpt.
        standing: returns the step that is saved and how to go on, in words.

    Raises:
        Interrupted: by Ctrl-C; the second one breaks off in mid-step.
        Terminated: by SIGTERM, in the same way.
        RankLost: another process of this run died.
        RunFailed: memory was refused, or something called `sys.exit`.
        ConfigError: the checkpoint that it goes on from is another run's.
    """
    try:
        yield
    except Stopped as told:
        raise told.kind(f"stopped, {standing()}") from told
    except Interrupted as error:  # by a second SIGTERM, or when there was no step to save after
        if isinstance(error.__cause__, Stopped):  # a part of this run was saved, and has said so
            raise
        raise type(error)(f"broken off, {standing()}") from error
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning makes a SystemExit of a KeyboardInterrupt; another one is somebody's sys.exit.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise RunFailed(f"sys.exit({error.code!r}) was called, {standing()}") from error
        raise Interrupted(f"broken off, {standing()}") from error
    except (RuntimeError, MemoryError) as error:
        if told := memory_error(error):
            raise RunFailed(f"{told}; {standing()} where there is more memory") from error
        if "loading state_dict for" in str(error):  # torch's words for tensors that do not fit
            reason = one_line(error)
            raise ConfigError(
                f"{checkpoints / LAST} is not of this run: {reason}; put the run's own "
                "checkpoint there, or delete the file"
            ) from error
        if not process_group.is_lost(error):
            raise
        lost = "another process of this run died"
        if rank := launch_variables.rank():
            lost = f"rank {rank} ends because {lost}; the message of rank 0 may say why"
        raise RankLost(f"{lost}, {standing()}") from error


@functools.cache
def check_compiler(device: str) -> None:
    """Compile a line of arithmetic.

    Raises:
        ConfigError: torch.compile does not work on this machine.
    """
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(4, device=device))
    except Exception as error:  # dynamo, inductor, compiler and triton each raise their own kinds
        reason = str(error).strip().splitlines()[0][:150] if str(error).strip() else repr(error)
        raise ConfigError(
            f"trainer.compile=true: nothing can be compiled here ({reason}); "
            "install g++ (and triton for a GPU), or type trainer.compile=false"
        ) from error


def compile_parts(method: nn.Module) -> list[str]:
    """Compile backbone and heads in place, once per size of crop, and return their names.

    Names and values of the state stay. Calls without gradient (evaluation, target networks) run
    the uncompiled code: their batch sizes occur once.
    """
    for _, part in (named := list(method.named_children())):
        part.forward = _compiled_with_gradient(part)
    return [name for name, _ in named]


def _compiled_with_gradient(part: nn.Module) -> Any:
    plain = part.forward
    # Not dynamic: shapes are few and fixed, and general kernels are slower.
    compiled = torch.compile(plain, dynamic=False)

    @functools.wraps(plain)
    def forward(*inputs: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else plain)(*inputs)

    return forward
