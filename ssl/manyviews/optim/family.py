"""Two families of optimizers, and a warning if a backbone is trained with the wrong one."""

from __future__ import annotations

from typing import Literal

Family = Literal["sgd", "adaptive"]

# Names of the classes, as in a `_target_`.
SGD = ("ASGD", "LARC", "LARS", "SGD")
ADAPTIVE = ("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam")


def family(target: str) -> Family | None:
    """Return the family of the optimizer that a `_target_` names, or None if it is not known here.

    >>> family("torch.optim.AdamW")
    'adaptive'
    """
    name = target.rpartition(".")[2]
    return "sgd" if name in SGD else "adaptive" if name in ADAPTIVE else None


def mismatch(backbone: Family, target: str) -> str | None:
    """Return a warning if the backbone seldom trains well with this optimizer, else None.

    Only one combination is warned of: networks with batch norm train with adaptive optimizers, too.

    Args:
        backbone: the family that the backbone needs, see `Backbone.family`.
        target: the `_target_` of the optimizer.
    """
    if (backbone, family(target)) != ("adaptive", "sgd"):
        return None
    name = target.rpartition(".")[2]
    return f"backbones with layer norm seldom train well with {name}; consider optimizer=adamw"
