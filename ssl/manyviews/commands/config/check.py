"""The command `manyviews config check experiment=demo`: build a run and try its first step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from manyviews import build, process_group, retriever_stage, runs, trainer
from manyviews.backbones.backbone import Backbone
from manyviews.build import Data, Parts
from manyviews.callbacks.metrics import NotFinite
from manyviews.callbacks.noise import Noise
from manyviews.datamodules.named_splits import named_splits
from manyviews.errors import ConfigError
from manyviews.evaluation import gallery
from manyviews.evaluation.features import extract
from manyviews.evaluation.suite import report_name
from manyviews.optim.family import mismatch
from manyviews.retriever_stage import Stage
from manyviews.schema import Config

LABEL = 12  # width of the names of the parts


class FirstStep(pl.Callback):
    """A callback that ends training after one optimizer step and keeps what that step did.

    Attributes:
        views: shape of each view of the last batch.
        outputs: what `Method.training_step` returned for it.
        seconds: duration of the step.
        saved_bytes: size of weights and optimizer state, nearly that of a checkpoint.
    """

    def __init__(self) -> None:
        self.views: list[tuple[int, ...]] = []
        self.outputs: dict[str, Any] = {}
        self.seconds, self.saved_bytes = 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock before the first batch is read."""
        self.began = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep shapes and values; stop if this batch was the last one of its optimizer step."""
        self.views = [tuple(view.shape) for view in batch.views]
        self.outputs = outputs
        if trainer.global_step > 0:
            self.seconds = time.perf_counter() - self.began
            state = trainer.optimizers[0].state.values()
            kept = [value for one in state for value in one.values()]
            self.saved_bytes = _size([*pl_module.state_dict().values(), *kept])
            trainer.should_stop = True


def check(overrides: Sequence[str], config_dir: str | None = None) -> Iterator[str]:
    """Yield a line for each part of a run when it is built; nothing is written.

    One optimizer step is taken as in `pretrain`, in one process, from the first weights.

    Args:
        overrides: overrides as of `pretrain`.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in what was asked for.
        NotFinite: the loss of the first step is NaN or infinite.
    """
    if process_group.launcher():
        raise ConfigError("config check tries one process; type it without torchrun or srun")
    *before, last = retriever_stage.compose(overrides, config_dir)
    first: dict[str, Backbone] = {}
    for stage in before:
        path = runs.folder(stage.config, stage.choices)
        if (path / "config.yaml").is_file() and runs.load(path).trained:
            yield _line("retriever", f"{path} is trained")
        else:
            yield "the retriever, which `pretrain` would train first:"
            retriever = yield from tried(stage, path, {})
            first["retriever"] = retriever.method.backbone
            yield "\nthe run itself, here with a retriever after one step:"
    yield from tried(last, runs.place(last.config, last.choices), first)


def tried(
    stage: Stage, path: Path, trained_first: Mapping[str, Backbone]
) -> Generator[str, None, Parts]:
    """Yield the lines of one run, and return its parts."""
    config, choices = stage.config, stage.choices
    began = time.perf_counter()
    parts = build.parts(config, path, trained_first)
    seconds = time.perf_counter() - began
    yield from _data(parts.data)
    method, backbone = parts.method, parts.method.backbone
    yield _line(
        "backbone", f"{choices['backbone']}, {_count(backbone)}, D = {backbone.embedding_dim}"
    )
    yield _line("method", f"{choices['method']}, {_count(method)} with the backbone")
    yield _line("weights", f"{parts.begins_with}; all parts built in {seconds:.2f} s")
    if said := mismatch(backbone.family, config["optimizer"]["_target_"]):
        yield _line("note", said)
    step, lightning = _take_step(config, parts)
    yield from _step(step, lightning, parts.trainer.world_size)
    yield from _evaluation(config, parts)
    yield _line("run folder", f"{path}, {_standing(path)}")
    yield _line(
        "in it",
        f"checkpoints of about {step.saved_bytes / 1e6:,.1f} MB, up to 3 at a time; metrics, "
        f"features, report; loggers: {', '.join(_names(config['logger'])) or 'none'}",
    )
    return parts


def _data(data: Data) -> Iterator[str]:
    splits = data.splits
    counts = " and ".join(
        f"{len(rows.label):,} {name}" for name, rows in named_splits(splits).items()
    )
    shape = _shape((splits.channels, *splits.size))
    labelled = int((splits.train.label >= 0).sum())
    classes = f"{len(splits.classes)} classes, known for {labelled:,} of train"
    classes = classes if labelled else "without labels"
    yield _line("data", f"{splits.name}, {counts} {data.item}s of {shape}; {classes}")
    for file in splits.skipped:
        yield _line("skipped", file)


def _take_step(config: Config, parts: Parts) -> tuple[FirstStep, pl.Trainer]:
    """Take one optimizer step with the share of the batch that one process has."""
    alone = {**config, "trainer": {**config["trainer"], "devices": 1, "nodes": 1}}
    step = FirstStep()
    lightning = build.trainer(alone, [Noise(config["seed"]), step])
    parts.data.batch_size //= parts.trainer.world_size
    trainer.adapt(parts.method, lightning, compiled=config["trainer"].get("compile", False))
    lightning.fit(parts.method, datamodule=parts.data)
    loss = float(step.outputs["loss"])
    if not torch.tensor(loss).isfinite():
        raise NotFinite(f"the loss of the first step is {loss}; lower optimizer.lr, or see --trace")
    return step, lightning


def _step(step: FirstStep, lightning: pl.Trainer, world: int) -> Iterator[str]:
    output = step.outputs["output"]
    views = Counter(map(_shape, step.views)).items()
    yield _line("views", ", ".join(f"{count} of {shape}" for shape, count in views))
    yield _line("embedding", _shape(output.embedding.shape))
    yield _line("projection", _shape(output.projection.shape))
    where = f"{lightning.strategy.root_device.type}, {lightning.precision}"
    processes = f", one process of {world}" if world > 1 else ""
    loss = float(step.outputs["loss"])
    took = f"{step.seconds:.2f} s{_memory(lightning)}"
    yield _line("step", f"loss {loss:.4g}; {where}{processes}, {took}")


def _memory(lightning: pl.Trainer) -> str:
    if lightning.strategy.root_device.type != "cuda":
        return ""
    return f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB of GPU memory at its peak"


def _evaluation(config: Config, parts: Parts) -> Iterator[str]:
    """Embed a few rows of each split as the evaluation does."""
    began, data = time.perf_counter(), parts.data
    for split, items in named_splits(data.splits).items():
        rows = data.probed(split)
        label = items.label[rows]
        rows = rows[gallery.spread(label, gallery.SHOWN)].sort().values
        extract(parts.method.backbone, data.clean(split, rows))
    names = [
        report_name(name, protocol.version, config["evaluation"][name])
        for name, protocol in build.protocols(config).items()
    ]
    seconds = time.perf_counter() - began
    yield _line(
        "evaluation",
        f"{', '.join(names)}; {gallery.SHOWN} {data.item}s of each split embedded, {seconds:.2f} s",
    )


def _standing(path: Path) -> str:
    """Return what `pretrain` would do in this folder."""
    if not (path / "config.yaml").is_file():
        return "which `pretrain` would make"
    run = runs.load(path)
    if run.trained:
        return "trained" + (" and evaluated" if run.report.is_file() else ", not evaluated yet")
    step = run.saved.step if run.saved else 0
    return f"in which `pretrain` would go on from step {step}"


def _names(named: Mapping[str, Any]) -> list[str]:
    return [name for name, node in named.items() if node is not None]


def _line(name: str, text: str) -> str:
    return f"{name:<{LABEL}}{text}"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _count(module: nn.Module) -> str:
    return f"{sum(p.numel() for p in module.parameters()):,} parameters"


def _size(values: Sequence[Any]) -> int:
    return sum(v.numel() * v.element_size() for v in values if isinstance(v, Tensor))
