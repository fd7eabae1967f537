"""The keys of each command, and those that its constructors do not take from the config."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

Config = dict[str, Any]
Node = dict[str, Any]
Named = dict[str, Node | None]  # nodes by name, of which null removes one

# Constructor arguments that build.py passes; a config may not set them.
PASSED: dict[str, tuple[str, ...]] = {
    "method": ("backbone",),
    "backbone": ("in_channels", "image_size"),
    "callbacks": ("data",),
    "optimizer": ("params",),
    "logger": ("run",),
    "trainer": ("callbacks", "logger", "epochs"),
}

# Config keys that build.py uses itself unless the constructor takes them: their types.
USED_BY_BUILD: dict[str, dict[str, Any]] = {
    "data": {"labels": str | None},
    "backbone": {"weights": str | None, "freeze": Literal["all"] | int | list[str] | None},
}
# Groups whose node becomes a function that build.py calls later: `_partial_: true` says so.
PARTIAL = ("optimizer", "schedule")


class _Keys(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Pretrain(_Keys):
    """Top-level keys of `manyviews pretrain`."""

    seed: int = pydantic.Field(ge=0, lt=2**31)
    epochs: int = pydantic.Field(ge=1)
    batch_size: int = pydantic.Field(ge=2)
    resume: Literal["auto", "never"]
    init: str | None
    best: str = "online/knn@1/top1"  # folders of earlier runs lack it
    save_every_n_steps: int = pydantic.Field(ge=1)
    measures: list[str] | None = None  # runs of earlier versions have none
    runs: str
    data: Node
    views: Node
    backbone: Node
    method: Node
    optimizer: Node
    schedule: Node
    regularizers: Named
    trainer: Node
    callbacks: Named
    logger: Named
    evaluation: Named


class ViewsSheet(Pretrain):
    """Top-level keys of `manyviews views`."""

    sample: int | None = pydantic.Field(ge=0)
    epoch: int = pydantic.Field(ge=0)
    file: str


class Doctor(Pretrain):
    """Top-level keys of `manyviews doctor`."""

    file: str | None


class Inputs(_Keys):
    """Keys of `preprocessing`: what becomes of clean inputs; null is what the backbone expects."""

    size: int | None = pydantic.Field(ge=1)
    mean: list[float] | None
    std: list[Annotated[float, pydantic.Field(gt=0)]] | None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] | None
    crop: float | None = pydantic.Field(gt=0, le=1)
    grey_as_colour: bool | None


class Evaluate(_Keys):
    """Top-level keys of `manyviews evaluate`."""

    run: str | list[str] | None
    ckpt: str
    measures: list[str] | None
    seed: int = pydantic.Field(ge=0, lt=2**31)
    evaluations: str
    comparisons: str
    preprocessing: Inputs
    backbone: Node | None = None
    views: Node
    data: Node | None = None
    evaluation: Named
    trainer: Node
    logger: Named


class Report(_Keys):
    """Keys of `sweep.report`: for each value of `group` the values of `over` are compared."""

    group: str
    over: str


class Sweep(_Keys):
    """Keys of `sweep`: which runs a sweep has; those of a search are missing in a grid."""

    name: Annotated[str, pydantic.Field(pattern=r"^[\w.-]+$")] | None
    folder: str
    overrides: list[str]
    minutes: float | None = pydantic.Field(gt=0)
    report: Report | None
    sampler: Literal["tpe", "gp", "qmc", "random"] | None = None
    metric: str = ""
    trials: int = pydantic.Field(1, ge=1)
    seed: int = pydantic.Field(0, ge=0, lt=2**31)
    pruner: Literal["none", "median", "hyperband"] = "none"
    prune_by: str = ""
    prune_from: int = pydantic.Field(1, ge=1)


class Launcher(_Keys):
    """Keys of `launcher`: the jobs of a scheduler; processes on this machine have none."""

    cluster: Literal["slurm", "local", "debug"] = "slurm"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: int = pydantic.Field(0, ge=0)
    cpus: int = pydantic.Field(1, ge=1)
    memory_gb: float | None = pydantic.Field(None, gt=0)
    minutes: int = pydantic.Field(1, ge=1)
    requeue: int = pydantic.Field(0, ge=0)
    notice_seconds: int = pydantic.Field(1, ge=1)
    setup: list[str] = []
    python: str | None = None


class Multirun(_Keys):
    """Top-level keys of a sweep, beside those of its runs."""

    sweep: Sweep
    launcher: Launcher


class Reproduce(_Keys):
    """Keys of `manyviews reproduce`."""

    table: str | list[str]
    rows: list[str] | None
    seeds: list[int] | None
    overrides: list[str]
    runs: str
    folder: str
    file: str | None


SCHEMAS: dict[str, type[_Keys]] = {
    "pretrain": Pretrain,
    "evaluate": Evaluate,
    "views_sheet": ViewsSheet,
    "doctor": Doctor,
    "multirun": Multirun,
    "reproduce": Reproduce,
}
