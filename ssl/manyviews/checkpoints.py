"""Checkpoint files: whole or not there, with a checksum, and the one before is kept.

A file is what `torch.save` writes (and `torch.load` reads), then the SHA-256 of those bytes. It is
written beside, flushed to the disk and renamed: a process may die at any moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric.plugins import CheckpointIO

from manyviews.errors import ConfigError

FORMAT_VERSION = 1
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
_MARK = b"manyview"  # stands between torch's bytes and the checksum
_TRAILER = len(_MARK) + hashlib.sha256().digest_size


class Torn(ConfigError):
    """A file that is no whole checkpoint of ours."""


class NotSaved(RuntimeError):
    """The disk refused a checkpoint; the one before is intact."""


class Saved(NamedTuple):
    """A whole checkpoint.

    Attributes:
        path: of the file.
        step: optimizer steps behind it.
        epochs: whole epochs behind it.
        torn: newer files that were not whole, each with what is wrong with it.
        content: what the file holds, if it was read.
    """

    path: Path
    step: int
    epochs: int
    torn: tuple[Torn, ...] = ()
    content: Mapping[str, Any] = {}


def newest(folder: Path) -> Saved | None:
    """The last whole checkpoint of a folder, or None where there never was one.

    Raises:
        ConfigError: there are checkpoints and none is whole, or one is of another version.
    """
    torn: list[Torn] = []
    for path in (folder / LAST, folder / PREVIOUS):
        if not path.is_file():
            continue
        try:
            content = read(path)
        except Torn as error:
            torn.append(error)
            continue
        return Saved(path, content["global_step"], content["epochs"], tuple(torn), content)
    if torn:
        said = "; ".join(str(error) for error in torn)
        raise ConfigError(f"{said}; there is none before: delete it to begin at step 0")
    return None


def load(folder: Path, ckpt: str) -> Saved:
    """Read the checkpoint that `last`, `best` or a path means.

    Raises:
        ConfigError: it is not there, or not whole.
    """
    if ckpt == "last" and (saved := newest(folder)):
        return saved
    path = chosen(folder, ckpt)
    content = read(path)
    return Saved(path, content["global_step"], content["epochs"], content=content)


def chosen(folder: Path, ckpt: str) -> Path:
    """Return the file that `last`, `best` or a path means.

    Raises:
        ConfigError: it is not there.
    """
    if ckpt == "last":
        names = [name for name in (LAST, PREVIOUS) if (folder / name).is_file()]
        if not names:
            raise ConfigError(
                f"{folder} holds no checkpoint yet; type the command that began the run"
            )
        # A file that was cut short lacks its end, so it is passed over without reading it.
        whole = [name for name in names if signed(folder / name)]
        return folder / (whole or names)[0]
    path = folder / BEST if ckpt == "best" else Path(ckpt)
    if not path.is_file():
        raise ConfigError(
            f"ckpt={ckpt}: {path} does not exist; type ckpt=last, ckpt=best (which needs "
            "callbacks.online_knn while training) or the path of a checkpoint"
        )
    return path


def of(given: str, key: str = "init") -> Path:
    """The file that `init=` or another key means: of a run folder its last checkpoint.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(given) / "checkpoints"
    if folder.is_dir():
        return chosen(folder, "last")
    if Path(given).is_file():
        return Path(given)
    raise ConfigError(f"{key}={given} is neither a run folder nor a file")


def set_aside(saved: Saved) -> None:
    """Rename a torn last.ckpt, so that the next save does not push out the whole one before it."""
    if saved.torn:
        last = saved.path.with_name(LAST)
        last.replace(last.with_suffix(".torn"))


def signed(path: Path) -> bool:
    """Whether a file ends as ours do."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TRAILER, 0))
        return file.read(len(_MARK)) == _MARK


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's plain tensors and numbers, on the CPU; nothing in it is executed.

    Raises:
        Torn: cut, changed, or not written by manyviews.
        ConfigError: of another version.
    """
    content = path.read_bytes()
    body, trailer = content[:-_TRAILER], content[-_TRAILER:]
    if not trailer.startswith(_MARK):
        raise Torn(f"{path} is cut short, or no checkpoint of manyviews")
    if hashlib.sha256(body).digest() != trailer[len(_MARK) :]:
        raise Torn(f"{path} was changed since it was written: its checksum differs")
    try:
        checkpoint = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        version = checkpoint["format_version"]
    except Exception as error:  # a forged file: unpicklers raise whatever they trip over
        raise Torn(f"{path} holds more than tensors and numbers; it was not read") from error
    if version != FORMAT_VERSION:
        raise ConfigError(f"{path} has format_version {version}, not {FORMAT_VERSION}")
    return checkpoint


def digest(path: Path) -> str | None:
    """Return the checksum that a checkpoint ends with, without reading the rest; None if cut."""
    if not path.is_file() or not signed(path):
        return None
    with path.open("rb") as file:
        file.seek(-hashlib.sha256().digest_size, os.SEEK_END)
        return file.read().hex()


def checksum(path: Path) -> str:
    """SHA-256 of the whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def backbone(checkpoint: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The backbone's tensors of a checkpoint, by their names in the backbone."""
    state: dict[str, torch.Tensor] = checkpoint["state_dict"]
    prefix = "backbone."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def write(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint in place at once; a last.ckpt that was there becomes previous.ckpt.

    Raises:
        NotSaved: no space, no permission.
    """
    beside = path.with_suffix(".tmp")
    try:
        with _Hashing(beside) as file:
            torch.save({"format_version": FORMAT_VERSION, **checkpoint}, file)
            file.write(_MARK + file.sha256.digest())
            file.flush()
            os.fsync(file.fileno())
        if path.name == LAST and path.exists():
            path.replace(path.with_name(PREVIOUS))
        beside.replace(path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch wraps what the disk says
        with contextlib.suppress(OSError):
            beside.unlink()
        reason = _disk_error(error)
        raise NotSaved(
            f"cannot write {path} ({reason}); the checkpoint before is intact"
        ) from error


def _disk_error(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _flush_folder(folder: Path) -> None:
    """Make the renames themselves last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashing(io.BufferedWriter):
    """A file that knows the checksum of what went through it."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self.sha256 = hashlib.sha256()

    def write(self, content: Any, /) -> int:
        self.sha256.update(content)
        return super().write(content)


class CheckpointFiles(CheckpointIO):
    """How Lightning writes and reads our files.

    Attributes:
        saved: a checkpoint that was read already, which Lightning then need not read again.
    """

    saved: Saved | None = None

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Rank 0 writes."""
        write(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Every rank reads; tensors come to the CPU, whatever else was asked for."""
        saved, self.saved = self.saved, None  # given once: its memory is then free
        if saved is not None and saved.path == Path(path):
            return dict(saved.content)
        return read(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Nothing of ours is removed by Lightning."""
