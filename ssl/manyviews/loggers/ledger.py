"""The ledger of a run: the quantities in effect, printed and saved before the first step."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Column, Table
from torch import nn

from manyviews.datamodules.module import Splits, ViewData
from manyviews.datamodules.named_splits import named_splits
from manyviews.hardware import resolve_accelerator
from manyviews.method import Method
from manyviews.optim import Schedule, WarmupCosine
from manyviews.optim.family import family, mismatch
from manyviews.runs import Run, write_json

LEFT_OUT = {
    "images": "files that cannot be used",
    "series": "recordings that are shorter than a window",
}


def ledger(
    run: Run, data: ViewData[Any, Any], method: Method, trainer: pl.Trainer
) -> dict[str, Any]:
    """Return every quantity that a reader of the results will ask for, by name.

    The values are those in effect, after anything that was computed from the config: nothing is
    scaled without being listed here.

    Args:
        run: the run, with its config.
        data: its data and views.
        method: its method with backbone and heads.
        trainer: its trainer, which knows processes and precision.
    """
    config, splits = run.config, data.splits
    steps = len(data.train_dataloader()) // data.pieces
    steps = min(steps, config["trainer"]["limit_train_batches"] or steps)
    total = steps * config["epochs"]
    return {
        "run": run.path.name,
        "method": run.choices["method"],
        "data": f"{splits.name}, {counts(splits)}",
        "labels": _labels(splits),
        "skipped": f"{len(splits.skipped)} {LEFT_OUT[data.reads]}",
        "notes": "; ".join(splits.notes) or "none",
        data.item: " x ".join(map(str, (splits.channels, *splits.size))),
        "views": _views(data),
        "backbone": f"{run.choices['backbone']}, {_count(method.backbone)}",
        "parameters": _count(method),
        "embedding_dim": method.backbone.embedding_dim,
        "epochs": config["epochs"],
        "steps_per_epoch": steps,
        "steps": total,
        "global_batch": data.batch_size,
        "batch_per_process": data.batch_size // (trainer.world_size * data.pieces),
        "accumulated": _accumulated(data, method),
        "optimizer": _optimizer(config["optimizer"]),
        "learning_rate": _learning_rates(config["optimizer"]["lr"], method, steps, total),
        "warmup": _warmup(method.schedule, config["epochs"]),
        "per_256_images": _per_256(config["optimizer"], data.batch_size),
        "family": _family(config["optimizer"]["_target_"], method),
        "regularizers": _regularizers(method, steps, total),
        "precision": trainer.precision,
        "compiled": "once per size of crops" if config["trainer"].get("compile") else "no",
        "device": resolve_accelerator(config["trainer"]["accelerator"]),
        "processes": trainer.world_size,
        "threads": torch.get_num_threads(),
        "checkpoint": f"every {config['save_every_n_steps']} steps and at the end of each epoch",
        "seed": config["seed"],
    }


def counts(splits: Splits) -> str:
    """Return the number of items of each split, as in "1,000 train, 200 test"."""
    return ", ".join(f"{len(rows.label):,} {name}" for name, rows in named_splits(splits).items())


def _views(data: ViewData[Any, Any]) -> str:
    """Return the sizes of the views, and that of the evaluation if no view has it."""
    size = tuple(data.splits.size)
    sizes = [tuple(each) for each in data.views.sizes(*size)]
    said = ", ".join(" x ".join(map(str, each)) for each in sizes)
    if size in sizes:
        return said
    return f"{said}; the evaluation sees {data.item}s of {' x '.join(map(str, size))}"


def _accumulated(data: ViewData[Any, Any], method: Method) -> str:
    """Return how many batches make a step, and how many rows the loss compares at a time."""
    if data.pieces == 1:
        return "1 batch per step"
    rows, said = data.batch_size // data.pieces, f"{data.pieces} batches per step"
    compares = method.compares_rows or any(t.weight for t in method.regularizers.values())
    if compares:
        return f"{said}: the loss compares {rows} rows at a time, not {data.batch_size}"
    return f"{said}: the loss is a mean over rows, batch norm alone sees {rows} at a time"


def _labels(splits: Splits) -> str:
    """Return how many training items have a label, and the number of classes."""
    label = splits.train.label
    known = int((label >= 0).sum())
    return f"{known:,} of {len(label):,} train, {len(splits.classes)} classes"


def _count(module: nn.Module) -> str:
    """Return the number of parameters, and of those that train if it is smaller."""
    total = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    whole = f"{total:,} parameters"
    return whole if trained == total else f"{trained:,} of {whole} trained"


def _optimizer(node: dict[str, Any]) -> str:
    """Return the optimizer's class and its arguments but the learning rate."""
    arguments = [f"{k} {v}" for k, v in node.items() if not k.startswith("_") and k != "lr"]
    return ", ".join([node["_target_"].rpartition(".")[2], *arguments])


def _learning_rates(base: float, method: Method, per_epoch: int, total: int) -> str:
    """Return the learning rate at the first and the last step, and the base rate."""
    rates = [
        base * method.schedule(step, total_steps=total, steps_per_epoch=per_epoch)
        for step in (0, total - 1)
    ]
    return f"{rates[0]:.3g} at step 0, base {base:.3g}, {rates[1]:.3g} at the last step"


def _warmup(schedule: Schedule, epochs: int) -> str:
    """Return the length of the warm-up, and a warning if it takes the whole run."""
    if not isinstance(schedule, WarmupCosine):
        return f"as {type(schedule).__name__} has it"
    said = f"{schedule.warmup_epochs:g} of {epochs} epochs"
    too_long = unending_warmup(schedule, epochs)
    return f"{said}: {too_long}" if too_long else said


def unending_warmup(schedule: Schedule, epochs: int) -> str | None:
    """Return a warning if the learning rate rises until the run ends, with what to type."""
    if not isinstance(schedule, WarmupCosine) or schedule.warmup_epochs < epochs:
        return None
    return (
        f"the warm-up of {schedule.warmup_epochs:g} epochs takes the whole run of {epochs}, so the "
        "learning rate never falls; type schedule.warmup_epochs="
        f"{epochs / 10:g} for a tenth of it"
    )


def _regularizers(method: Method, per_epoch: int, total: int) -> str:
    """Return each regularizer with its weight at the first and the last step."""
    said = []
    for name, term in method.regularizers.items():
        first, last = (
            term.weight * term.schedule(step, total_steps=total, steps_per_epoch=per_epoch)
            for step in (0, total - 1)
        )
        said.append(f"{name} {first:.3g} at step 0, base {term.weight:.3g}, {last:.3g} at the last")
    return "; ".join(said) or "none"


def _per_256(optimizer: dict[str, Any], batch: int) -> str:
    """Return the learning rates per 256 samples, as papers state them; nothing is scaled here."""
    rates = {key: optimizer[key] for key in ("lr", "vector_lr") if optimizer.get(key) is not None}
    said = ", ".join(f"{key} {rate * 256 / batch:.3g}" for key, rate in rates.items())
    return f"{said}; used as given, not scaled by the batch"


def _family(optimizer: str, method: Method) -> str:
    """Return the optimizer families of backbone and optimizer, with a warning if they differ."""
    ours, its = method.backbone.family, family(optimizer) or "unknown"
    said = f"backbone {ours}, optimizer {its}"
    against = mismatch(ours, optimizer)
    return f"{said}: {against}" if against else said


def say(run: Run, content: dict[str, Any]) -> None:
    """Save the ledger in the run folder and print it."""
    write_json(run.path / "ledger.json", content)
    table = Table("name", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    for name, value in content.items():
        table.add_row(f"[dim]{name.replace('_', ' ')}[/dim]", str(value))
    Console().print(table)
