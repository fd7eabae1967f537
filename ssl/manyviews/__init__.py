"""manyviews: self-supervised representation learning whose numbers are proven."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["__version__", "evaluate", "load_backbone", "pretrain"]
__version__ = "0.1.0"

# The imports lie inside the functions: `manyviews --help` answers at once.


def pretrain(*overrides: str) -> Path:
    """Folder of the run, trained and evaluated: `pretrain("method=swav", "epochs=10")`."""
    from manyviews import train

    return train.pretrain(overrides).path


def evaluate(run: str | Path, *overrides: str) -> dict[str, Any]:
    """The report of a run as in its report.json: `evaluate("runs/...", "evaluation=[knn]")`."""
    import json

    from manyviews import train

    return json.loads(train.evaluate([f"run={run}", *overrides]).read_text())


def load_backbone(run: str | Path, ckpt: str = "last") -> nn.Module:
    """The pretrained backbone of a run folder, in evaluation mode; prints what was matched.

    Args:
        run: the folder.
        ckpt: last, best, or the path of a checkpoint.

    Raises:
        ConfigError: no run folder, no such checkpoint, or a tensor too many or too few.
    """
    from manyviews import build, runs

    found = runs.load(run)
    backbone = build.pretrained(found, build.data(found.config), ckpt)
    held = len(backbone.state_dict())
    print(f"{found.choices['backbone']} of {run}, {ckpt}: all {held} tensors matched")
    return backbone
