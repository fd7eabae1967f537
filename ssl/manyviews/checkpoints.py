"""Checkpoint files that survive a crash at any moment.

A file holds the bytes of `torch.save` (so `torch.load` reads it), then the SHA-256 of these bytes.
It is written under another name, flushed to the disk and renamed, and the checkpoint before it is
kept: there is always a whole one. Torch is imported by the functions that need it, so that where a
run stands is known without it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from manyviews.errors import ConfigError, NotSaved

FORMAT_VERSION = 1
# What each checkpoint holds, with its type, beside the state of the trainer.
PARTS = {"state_dict": Mapping, "global_step": int, "epochs": int}
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
_MARK = b"manyview"  # separates torch's bytes from the checksum
_TRAILER = len(_MARK) + hashlib.sha256().digest_size


class Torn(ConfigError):
    """The error for a file that is not a whole checkpoint of manyviews."""


class Saved(NamedTuple):
    """A whole checkpoint.

    Attributes:
        path: the checkpoint file.
        step: number of optimizer steps it was trained for.
        epochs: number of whole epochs it was trained for.
        torn: one error for each newer file that is not whole.
        content: the content of the file, if it was read.
    """

    path: Path
    step: int
    epochs: int
    torn: tuple[Torn, ...] = ()
    content: dict[str, Any] = {}  # noqa: RUF012 (this one is never filled)


def newest(folder: Path) -> Saved | None:
    """Return the last whole checkpoint of a folder, or None if it holds no checkpoint.

    Raises:
        ConfigError: if there are checkpoints but none is whole, or one has another format version.
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
        return _saved(path, content, tuple(torn))
    if torn:
        said = "; ".join(str(error) for error in torn)
        raise ConfigError(
            f"{said}; there is no earlier checkpoint: delete the file to start at step 0"
        )
    return None


def load(folder: Path, ckpt: str) -> Saved:
    """Read the checkpoint that `last`, `best` or a path means.

    If last.ckpt is torn, the one before it is read, which is told.

    Raises:
        ConfigError: it is not there, or not whole.
    """
    if ckpt == "last" and (saved := newest(folder)):
        for error in saved.torn:
            print(f"{error}; reading {saved.path.name}, step {saved.step}")
        return saved
    path = resolve(folder, ckpt)
    return _saved(path, read(path))


def _saved(path: Path, content: dict[str, Any], torn: tuple[Torn, ...] = ()) -> Saved:
    return Saved(path, content["global_step"], content["epochs"], torn, content)


def resolve(folder: Path, ckpt: str) -> Path:
    """Return the checkpoint file that `ckpt=` means.

    Args:
        folder: the `checkpoints` folder of a run.
        ckpt: "last", "best", or the path of a checkpoint.

    Raises:
        ConfigError: if there is no such file.
    """
    if ckpt == "last":
        names = [name for name in (LAST, PREVIOUS) if (folder / name).is_file()]
        if not names:
            raise ConfigError(
                f"{folder} holds no checkpoint yet; type the command that began the run"
            )
        # A file that was cut short lacks its end, so it is passed over without reading it.
        whole = [name for name in names if is_ours(folder / name)]
        return folder / (whole or names)[0]
    path = folder / BEST if ckpt == "best" else Path(ckpt)
    if not path.is_file():
        raise ConfigError(
            f"ckpt={ckpt}: {path} does not exist; type ckpt=last, ckpt=best (which needs "
            "callbacks.online_knn while training) or the path of a checkpoint"
        )
    return path


def find(given: str, key: str = "init") -> Path:
    """Return the checkpoint file at a path; for a run folder, its last checkpoint.

    Args:
        given: a run folder or a file.
        key: the config key that holds the path, for the message.

    Raises:
        ConfigError: if there is none.
    """
    folder = Path(given) / "checkpoints"
    if folder.is_dir():
        return resolve(folder, "last")
    if Path(given).is_file():
        return Path(given)
    raise ConfigError(f"{key}={given} is neither a run folder nor a file")


def set_aside(saved: Saved) -> None:
    """Rename a torn last.ckpt; otherwise the next save would replace the whole one before it."""
    if saved.torn:
        last = saved.path.with_name(LAST)
        last.replace(last.with_suffix(".torn"))


def is_ours(path: Path) -> bool:
    """Return True if a file has the ending of our checkpoints; its checksum is not tested."""
    return digest(path) is not None


def read(path: Path) -> dict[str, Any]:
    """Return the tensors and numbers of a checkpoint, on the CPU; no code in it is executed.

    Raises:
        Torn: if the file is cut, changed, or not the checkpoint of a run.
        ConfigError: if it has another format version.
    """
    import torch

    content = path.read_bytes()
    body, trailer = content[:-_TRAILER], content[-_TRAILER:]
    if not trailer.startswith(_MARK):
        raise Torn(f"{path} is cut short, or not a checkpoint of manyviews")
    if hashlib.sha256(body).digest() != trailer[len(_MARK) :]:
        raise Torn(f"{path} was changed since it was written: its checksum differs")
    try:
        checkpoint = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        version = checkpoint["format_version"]
    except Exception as error:  # a forged file makes the unpickler raise any error
        raise Torn(f"{path} holds more than tensors and numbers; it was not read") from error
    if version != FORMAT_VERSION:
        raise ConfigError(f"{path} has format_version {version}, not {FORMAT_VERSION}")
    wrong = [k for k, kind in PARTS.items() if not isinstance(checkpoint.get(k), kind)]
    if wrong:
        raise Torn(f"{path} is no checkpoint of a run: it lacks {', '.join(wrong)}")
    return checkpoint


def digest(path: Path) -> str | None:
    """Return the checksum that a checkpoint ends with, without reading the rest; None if cut."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TRAILER, 0))
        trailer = file.read()
    return trailer[len(_MARK) :].hex() if trailer.startswith(_MARK) else None


def checksum(path: Path) -> str:
    """Return the SHA-256 of the whole file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def backbone(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the backbone's tensors in a checkpoint, by their names in the backbone.

    A file that somebody else wrote may hold other values; loading them is refused later.
    """
    state: Mapping[str, Any] = checkpoint["state_dict"]
    prefix = "backbone."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def write(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write a checkpoint file in one atomic step; an existing last.ckpt becomes previous.ckpt.

    Args:
        path: the file to write.
        checkpoint: tensors, numbers and texts by name; the format version is added.

    Raises:
        NotSaved: if the disk refuses it (no space, no permission, ...).
    """
    import torch

    # On the same disk, so that the rename is atomic.
    beside = path.with_suffix(".tmp")
    try:
        with _Hashing(beside) as file:
            torch.save({"format_version": FORMAT_VERSION, **checkpoint}, file)
            file.write(_MARK + file.sha256.digest())
            file.flush()
            os.fsync(file.fileno())  # the bytes reach the disk before the name does
        # A crash between the two renames leaves previous.ckpt, which `newest` falls back on.
        if path.name == LAST and path.exists():
            path.replace(path.with_name(PREVIOUS))
        beside.replace(path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch turns some OSErrors into RuntimeErrors
        with contextlib.suppress(OSError):
            beside.unlink()
        earlier = path.exists() or path.with_name(PREVIOUS).exists()
        kept = "the previous checkpoint is intact" if earlier else "there is no earlier checkpoint"
        raise NotSaved(f"cannot write {path} ({_disk_error(error)}); {kept}") from error


def _disk_error(error: BaseException) -> str:
    """Return the message of the OSError that caused an error, or the error's own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _flush_folder(folder: Path) -> None:
    """Flush a folder to the disk, so that its renames survive a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens files only; its file system keeps a journal of renames
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


class _Hashing(io.BufferedWriter):
    """A file that computes the SHA-256 of the bytes written to it."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self.sha256 = hashlib.sha256()

    def write(self, content: Any, /) -> int:
        """Write and update the checksum."""
        self.sha256.update(content)
        return super().write(content)
