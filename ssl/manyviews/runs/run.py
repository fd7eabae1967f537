"""A run folder: begun, continued, locked and loaded.

`runs/<method>-<data>-<backbone>-<identity>-s<seed>/` holds config.yaml, overrides.txt, ledger.json,
environment.json, data.json, status.json, metrics.jsonl, checkpoints/, features/, report/ and
wandb/.
"""

from __future__ import annotations

import os
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, get_args

import yaml
from filelock import FileLock, Timeout

from manyviews import checkpoints
from manyviews.checkpoints import LAST, Saved
from manyviews.errors import ConfigError
from manyviews.hardware import Given, environment
from manyviews.runs import status
from manyviews.runs.files import read_object, replace_text, write_json
from manyviews.runs.identity import folder, identity
from manyviews.runs.upgrade import FORMAT_VERSION, upgraded
from manyviews.schema import Config, check

AGENT = "wandb/id.json"  # id that an agent of W&B gave to the run, and the id of its sweep
# What reading a config.yaml that is cut, changed or another program's can raise.
DAMAGED = (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: the folder.
        config: the content of config.yaml.
        choices: the file that each config group chose.
        precision: what `trainer.precision=auto` meant when the run was begun; None if the config
            names a precision itself, and in folders of earlier versions.
    """

    path: Path
    config: Config
    choices: Mapping[str, str]
    precision: str | None = None

    @property
    def training_config(self) -> Config:
        """The config to train with: in place of `auto`, the precision that the run began with."""
        return _with_precision(self.config, self.precision)

    @property
    def checkpoints(self) -> Path:
        """Folder of last.ckpt, previous.ckpt and best.ckpt."""
        return self.path / "checkpoints"

    @property
    def saved(self) -> Saved | None:
        """The last whole checkpoint; it is read only if status.json does not describe it."""
        last, known = self.checkpoints / LAST, status.read(self.path)
        if known and known.sha256 and checkpoints.digest(last) == known.sha256:
            return Saved(last, known.step, known.epochs)
        return checkpoints.newest(self.checkpoints)

    @property
    def trained(self) -> bool:
        """True if all epochs are done."""
        saved = self.saved
        return saved is not None and saved.epochs >= self.config["epochs"]

    def standing(self) -> str:
        """Return the step that is saved and how to go on, in words."""
        saved = self.saved
        step, epochs = (saved.step, saved.epochs) if saved else (0, 0)
        return (
            f"step {step} ({epochs} of {self.config['epochs']} epochs) is saved in {self.path}: "
            "the same command continues"
        )

    @property
    def report(self) -> Path:
        """The scores of the last checkpoint, a JSON file."""
        return self.report_of("last")

    def report_of(self, ckpt: str) -> Path:
        """Return the file with the scores of a checkpoint: `last`, `best` or a path."""
        folder = "report" if ckpt == "last" else f"report-{Path(ckpt).stem}"
        return self.path / folder / "report.json"

    @property
    def wandb_id(self) -> str:
        """Id of the W&B run, the same in every session: an agent's, or the folder's own.

        If environment.json is damaged it is made from the folder's name, and the dashboard begins
        anew.
        """
        of_agent = (read_object(self.path / AGENT) or {}).get("id")
        own = (read_object(self.path / "environment.json") or {}).get("wandb_id")
        for known in (of_agent, own):
            if isinstance(known, str) and re.fullmatch(r"[\w-]{1,64}", known):
                return known
        return f"{zlib.crc32(self.path.name.encode()):08x}"


def _with_precision(config: Config, precision: str | None) -> Config:
    if precision is None or config["trainer"]["precision"] != "auto":
        return config
    return {**config, "trainer": {**config["trainer"], "precision": precision}}


def place(config: Config, choices: Mapping[str, str]) -> Path:
    """Return the folder of this config's run; with `resume=never` one that does not exist yet."""
    path = folder(config, choices)
    if config["resume"] == "never":
        path = next(p for p in _numbered(path) if not p.exists())
    return path


def _numbered(path: Path) -> Iterator[Path]:
    """Yield the path itself, then path-2, path-3, ..."""
    yield path
    yield from (path.with_name(f"{path.name}-{i}") for i in count(2))


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Make the folder, and keep other processes from training in it until this one ends.

    Raises:
        ConfigError: the folder cannot be written, or another process trains in it.
    """
    _make_writable(path)
    with ExitStack() as held:
        try:
            held.enter_context(
                _locked(path / ".lock", "begin no second command in it", blocking=False)
            )
        except Timeout as error:
            raise ConfigError(
                f"{path} is being trained by another process; wait for its end, or type "
                "resume=never to begin a run of your own beside it"
            ) from error
        yield


def lock_report(path: Path) -> AbstractContextManager[None]:
    """Keep other evaluations of the run waiting: they write the same features and reports."""
    return _locked(path / ".report.lock", "begin no second evaluation of it", blocking=True)


@contextmanager
def _locked(file: Path, otherwise: str, *, blocking: bool) -> Iterator[None]:
    """Hold a lock in a run folder.

    Args:
        file: the lock.
        otherwise: what to leave undone if the file system has no locks; it is printed.
        blocking: True to wait for the process that holds it.

    Raises:
        Timeout: another process holds it, and `blocking` is False.
    """
    held = FileLock(file)
    try:
        held.acquire(blocking=blocking)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:  # some network file systems have no locks
        print(f"note: {file.parent} cannot be locked ({error}); {otherwise}")
    try:
        yield
    finally:
        held.release()


def _make_writable(path: Path) -> None:
    try:
        (path / "checkpoints").mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to {path} ({error.strerror}); type runs=FOLDER to write elsewhere"
        ) from error


def begin(
    path: Path,
    config: Config,
    choices: Mapping[str, str],
    overrides: Sequence[str],
    data: Mapping[str, Any],
    precision: str | None = None,
) -> Run:
    """Begin the run in this folder, or continue it.

    Settings that do not affect the result (devices, callbacks, logger, places) are taken from the
    current command and rewritten to config.yaml.

    Args:
        path: the folder, locked by this process.
        config: the checked config of the command.
        choices: the file that each config group chose.
        overrides: the overrides of the command, kept in overrides.txt.
        data: fingerprint of the data set.
        precision: the precision that the run is trained in.

    Raises:
        ConfigError: the folder is of another version, or the data changed since it was begun.
    """
    resolved = precision if config["trainer"]["precision"] == "auto" else None
    run = Run(path, config, dict(choices), resolved)
    if (path / "config.yaml").is_file():
        load(path)  # raises if it is of another version
        _check_same_data(path, data)
        wandb_id = run.wandb_id
    else:
        wandb_id = uuid.uuid4().hex[:8]
    # config.yaml comes last: a folder that has it has everything.
    replace_text(path / "overrides.txt", "".join(f"{o}\n" for o in overrides))
    write_json(path / "environment.json", {**environment(), "wandb_id": wandb_id})
    write_json(path / "data.json", data)
    head = {"format_version": FORMAT_VERSION, "identity": identity(config)}
    head |= {} if resolved is None else {"precision": resolved}
    record = {**head, "choices": dict(choices), **config}
    replace_text(path / "config.yaml", yaml.safe_dump(record, sort_keys=False))
    return run


def _check_same_data(path: Path, data: Mapping[str, Any]) -> None:
    """Raise if the data changed: half of the training would be on each version.

    A validation split that earlier versions did not read is no change.

    Raises:
        ConfigError: they changed, or data.json is damaged.
    """
    file = path / "data.json"
    if not file.exists():
        print(f"note: {file} was missing; {path} goes on with the data as they are now")
        return
    before = read_object(file)
    if before is None:
        raise ConfigError(
            f"{file} is damaged, so it is not known which data the run was begun with; delete the "
            "file to go on with the data as they are now, or type resume=never"
        )
    now = {**data, "val": data.get("val") if "val" in before else None}
    if changed := [key for key in now if now[key] != before.get(key)]:
        parts = [f"{k} {_short(before.get(k))}, now {_short(now[k])}" for k in changed]
        raise ConfigError(
            f"{path} was begun with other data ({'; '.join(parts)}); put them back, "
            "or type resume=never"
        )


def _short(part: Any) -> str:
    """Return one part of a fingerprint in few words."""
    if isinstance(part, Mapping):
        item = "images" if "images" in part else "windows"
        return f"{part.get(item)} {item} {str(part.get('sha256'))[:8]}"
    return str(part)


def load(path: str | Path) -> Run:
    """Return an existing run folder; a config of an earlier format is upgraded in memory.

    Raises:
        ConfigError: not a run folder, of a later version, or with a config that is not valid.
    """
    path = Path(path)
    file = path / "config.yaml"
    if not file.is_file():
        held = "holds no config.yaml" if path.is_dir() else "does not exist"
        raise ConfigError(f"run={path} is not a run folder: it {held}{_nearest_run(path)}")
    try:
        record = upgraded(yaml.safe_load(file.read_text(encoding="utf-8")), path)
        choices, precision = record.pop("choices"), record.pop("precision", None)
        del record["format_version"]
        record.pop("identity", None)  # not yet in format 1
        _check_head(choices, precision)
        check("pretrain", record)
    except ConfigError as error:
        raise ConfigError(str(error) if str(path) in str(error) else f"{file}: {error}") from error
    except DAMAGED as error:
        raise ConfigError(
            f"{file} is damaged, or was not written by `manyviews pretrain`; if you delete it, the "
            "command that began the run writes it again"
        ) from error
    return Run(path, record, choices, precision)


def _check_head(choices: Any, precision: Any) -> None:
    """Raise unless the entries of config.yaml that are no settings are what `begin` wrote."""
    if not {"method", "data", "backbone"} <= {k for k, v in choices.items() if isinstance(v, str)}:
        raise ConfigError("'choices' lacks method, data or backbone")
    if precision not in (None, *get_args(Given)):
        raise ConfigError(f"precision {precision!r}; allowed: {', '.join(get_args(Given))}")


def _nearest_run(path: Path) -> str:
    here = path if path.is_dir() else path.parent
    runs = sorted(p.parent.name for p in here.glob("*/config.yaml")) if here.is_dir() else []
    return f"; under {here}: {', '.join(runs[:3])}" if runs else ""
