"""manyviews: self-supervised representation learning whose numbers are proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader

if TYPE_CHECKING:
    from torch import nn

__version__ = "0.1.0"

# Everything is imported when it is first used: `manyviews --help` answers at once.
__getattr__: Callable[[str], Any]
__getattr__, _, _rooms = lazy_loader.attach(
    __name__, ["backbones", "data", "evaluation", "losses", "methods", "views"]
)
__all__ = ["__version__", "evaluate", "load_backbone", "pretrain"]
__all__.extend(_rooms)


def __dir__() -> list[str]:
    """Return the public names, for completion in an interactive prompt."""
    return __all__


def pretrain(*overrides: str) -> Path:
    """Pretrain and evaluate as the command does, and return the run folder.

    For example `pretrain("method=swav", "data=cifar10", "epochs=10")`; an unfinished run of the
    same settings continues.

    Raises:
        ConfigError: a mistake in what was asked for.
        RunFailed: training cannot go on; the message says why.
        Interrupted: it was told to stop before its end, by Ctrl-C or (`Terminated`) by SIGTERM; the
            same call continues.
    """
    from manyviews import config, launch_variables

    config.check_each_key_is_typed_once(overrides)
    with launch_variables.ours_alone(told=True):  # before Lightning is imported, which reads them
        from manyviews import train

        return train.pretrain(overrides).path


def evaluate(run: str | Path | None = None, *overrides: str) -> dict[str, Any]:
    """Evaluate a run, or a backbone without a run, and return the content of its report.json.

    For example `evaluate("runs/...", "evaluation=[knn,linear]")`, or without a run
    `evaluate(None, "backbone=resnet18", "backbone.weights=FILE", "data=cifar10")`.
    """
    import json

    from manyviews import config, scoring

    given = [*overrides] if run is None else [f"run={run}", *overrides]
    config.check_each_key_is_typed_once(given)
    return json.loads(scoring.evaluate(given).reports[0].read_text(encoding="utf-8"))


def load_backbone(run: str | Path, ckpt: str = "last") -> nn.Module:
    """Return the pretrained backbone of a run, in evaluation mode; print what was matched.

    Args:
        run: the run folder.
        ckpt: last, best, or the path of a checkpoint.

    Raises:
        ConfigError: no run folder, no such checkpoint, or a tensor too many or too few.
    """
    from manyviews import runs

    found = runs.load(run)  # a mistake in the folder is told before Lightning is imported
    from manyviews import build

    backbone = build.pretrained(found, build.data(found.config), ckpt)
    held = len(backbone.state_dict())
    print(f"{found.choices['backbone']} of {run}, {ckpt}: all {held} tensors matched")
    return backbone
