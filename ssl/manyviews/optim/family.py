"""Whether an optimizer is of the kind that a backbone is made for."""

from __future__ import annotations

from typing import Literal

Family = Literal["sgd", "adaptive"]

SGD = ("ASGD", "LARC", "LARS", "SGD")
ADAPTIVE = ("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam")


def family(target: str) -> Family | None:
    """Of the optimizer that a `_target_` names; None of one that is not known here.

    >>> family("torch.optim.AdamW")
    'adaptive'
    """
    name = target.rpartition(".")[2]
    return "sgd" if name in SGD else "adaptive" if name in ADAPTIVE else None


def doubt(backbone: Family, target: str) -> str | None:
    """What speaks against the pair, or None.

    The other way round nothing does: nets with batch norm train with adaptive optimizers, too.
    """
    if (backbone, family(target)) != ("adaptive", "sgd"):
        return None
    name = target.rpartition(".")[2]
    return f"backbones with layer norm seldom train well with {name}; consider optimizer=adamw"
