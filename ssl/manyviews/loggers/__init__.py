"""Output of a run beside its own files: W&B, and the ledger that is printed at the start."""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"wandb_logger": ["open_wandb"]}
)
