"""Where the figures of a run go besides its own files: W&B, and the ledger that is printed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"wandb_logger": ["open_wandb"]}
)
