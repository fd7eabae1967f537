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

    return json.loads(train.evaluate([f"run={run}", *overrides]).report.read_text())


def load_backbone(run: str | Path) -> nn.Module:
    """The pretrained backbone of a run folder, in evaluation mode; every weight matched."""
    from manyviews import build, report_card, runs

    found = runs.load(run)
    return report_card.load_backbone(found, build.data(found.config))
