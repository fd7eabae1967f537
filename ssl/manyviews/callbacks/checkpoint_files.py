"""The files that Lightning writes when `callbacks.checkpoint` saves: a plugin, no callback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric.plugins import CheckpointIO

from manyviews import checkpoints
from manyviews.checkpoints import Saved


class CheckpointFiles(CheckpointIO):
    """Lightning's plugin that writes and reads checkpoints in our format.

    Attributes:
        saved: a checkpoint that was read already, which Lightning then need not read again.
    """

    saved: Saved | None = None

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; Lightning calls this on rank 0 only."""
        checkpoints.write(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint on every rank, with its tensors on the CPU in any case."""
        saved, self.saved = self.saved, None
        if saved is not None and saved.path == Path(path):
            content = {**saved.content}
            saved.content.clear()  # or its tensors would stay in memory during the training
            return content
        return checkpoints.read(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Keep the file: manyviews itself decides which checkpoints stay."""
