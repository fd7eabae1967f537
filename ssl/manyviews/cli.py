"""`manyviews <command> [overrides]`: one function per command, no logic."""

from __future__ import annotations

import argparse
import errno
import os
import select
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from manyviews import __version__

GROUPS = ("methods", "backbones", "data", "views", "experiments", "protocols")
FOLDERS: dict[str, str] = {
    "methods": "method",
    "backbones": "backbone",
    "experiments": "experiment",
    "protocols": "evaluation",
}
# Error numbers of a disk that is full, over its quota, read-only or broken.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
OVERRIDES = "what to change, as key=value or group=name; `manyviews config show` prints all keys"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0 is done, 1 failed, 2 a mistake in what was asked for, 130 interrupted.
    """
    if argv is None:  # this process is the program `manyviews`, not one that calls this function
        _let_idle_threads_sleep()
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            return 1
        code = _exit_code(error)
        if arguments.trace or code is None:
            traceback.print_exc()
        else:
            print(f"manyviews: {_line(error)}", file=sys.stderr)
        return 1 if code is None else code
    return 0


def _stdout_is_closed() -> bool:
    """Return True if stdout was closed by its reader (`manyviews … | head`); discard the rest."""
    printed = select.poll()
    printed.register(sys.stdout, 0)
    closed = bool(printed.poll(0))  # no events were asked for, so only errors are reported
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
    return closed


def _exit_code(error: BaseException) -> int | None:
    """Return the exit code of an error that is told in one line, None if it needs a traceback."""
    names = {kind.__name__ for kind in type(error).__mro__}
    codes = {
        "ConfigError": 2,
        "NotFinite": 1,
        "NotSaved": 1,
        "Collapsed": 1,
        "BadImage": 1,
        "RankLost": 1,
        "Interrupted": 130,
        "KeyboardInterrupt": 130,
    }
    if isinstance(error, OSError) and error.errno in DISK:
        return 1
    return next((code for name, code in codes.items() if name in names), None)


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}; what was saved before is intact, "
            "and the same command continues once this is mended"
        )
    return str(error) or "interrupted"


def _let_idle_threads_sleep() -> None:
    """Let OpenMP threads that wait for each other sleep instead of spin, unless the user chose.

    Spinning threads take the cores from whatever else runs on the machine, and beside it wait for
    themselves. OpenMP reads the variable when torch loads it, so this comes before torch.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _prepare_process() -> None:
    """Set what only a program of its own may set: memory, log levels and warnings.

    A program that imports manyviews keeps its own settings.
    """
    import logging
    import warnings

    from manyviews.hardware import keep_freed_memory

    keep_freed_memory()
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)  # the ledger says the same, shorter
    # Lightning calls functions that the newest torch deprecates; a user can do nothing about it.
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
    # Frozen parts are meant to be frozen; the ledger says how many parameters train.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")


def _pretrain(arguments: argparse.Namespace) -> None:
    from manyviews import process_group, train

    _prepare_process()
    run = train.pretrain(arguments.overrides, arguments.config_dir)
    if process_group.launched_rank() == 0 and run.report.is_file() and run.trained:
        _show(run.report)


def _evaluate(arguments: argparse.Namespace) -> None:
    from manyviews import scoring

    _prepare_process()
    _show(scoring.evaluate(arguments.overrides, arguments.config_dir))


def _where(arguments: argparse.Namespace) -> None:
    from manyviews import retriever_stage, runs

    stage = retriever_stage.compose(arguments.overrides, arguments.config_dir)[-1]
    print(runs.folder(stage.config, stage.choices))


def _views(arguments: argparse.Namespace) -> None:
    from manyviews.commands import views

    print(views.write(arguments.overrides, arguments.config_dir))


def _doctor(arguments: argparse.Namespace) -> None:
    from manyviews.commands.doctor import examine

    _prepare_process()
    print(examine.examine(arguments.overrides, arguments.config_dir))


def _show(report_json: Path) -> None:
    import json

    from rich.console import Console

    from manyviews import report

    card = json.loads(report_json.read_text())
    console = Console()
    console.print(report.table(card))
    for sentence in card["sentences"]:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {report_json.with_name('index.html')}", soft_wrap=True, highlight=False)


def _list(arguments: argparse.Namespace) -> None:
    from importlib.resources import files

    kind: str = arguments.kind
    if arguments.pattern:
        from manyviews.backbones import registry  # libraries have thousands: only if asked for

        print("\n".join(registry.available(arguments.pattern)))
        return
    folder = files("manyviews.conf").joinpath(FOLDERS.get(kind, kind))
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=str)
    said = {file.name.removesuffix(".yaml"): _description(file.read_text()) for file in found}
    width = max(map(len, said))
    for name, text in said.items():
        print(f"{name:<{width}}  {text}".rstrip())


def _description(text: str) -> str:
    """Return the first line of a config file's comment, continued to the end of its sentence.

    The comment of an experiment begins with its command, which is a line.
    """
    lines = (line for line in text.splitlines() if "@package" not in line)
    head = [line.removeprefix("# ") for line in takewhile(lambda x: x.startswith("#"), lines)]
    if not head or head[0].startswith("manyviews ") or head[0].endswith("."):
        return head[0] if head else ""
    said = f"{' '.join(head)} "
    return said[: said.find(". ", len(head[0])) + 1] or said.strip()


def _costs(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from manyviews.commands import costs

    table, skipped = costs.table(arguments.pattern, arguments.size, arguments.channels)
    console = Console()
    console.print(table)
    for line in skipped:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _config_show(arguments: argparse.Namespace) -> None:
    import yaml

    from manyviews import config

    composed, _ = config.compose("pretrain", arguments.overrides, arguments.config_dir)
    print(yaml.safe_dump(composed, sort_keys=False), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manyviews", description="Self-supervised learning.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    pretrain = _command(commands, "pretrain", _pretrain, "learn a backbone, then evaluate it")
    pretrain.epilog = "example: manyviews pretrain method=swav data=cifar10 backbone=resnet18"
    evaluate = _command(commands, "evaluate", _evaluate, "score a run: kNN, linear, controls")
    evaluate.epilog = "example: manyviews evaluate run=runs/swav-cifar10-resnet18-3f2a9c1e-s0"

    where = _command(commands, "where", _where, "print the run folder of a `pretrain` command")
    where.epilog = "example: manyviews evaluate run=$(manyviews where experiment=demo)"

    views = _command(commands, "views", _views, "write a picture of the views that training sees")
    views.epilog = "example: manyviews views experiment=demo sample=17 epoch=3 file=views.png"

    doctor = _command(commands, "doctor", _doctor, "look at every image of a data set, time views")
    doctor.epilog = "example: manyviews doctor data=folder data.path=photos file=doctor.json"

    listing = commands.add_parser("list", help="names that can be chosen", description="Names.")
    listing.add_argument("kind", choices=GROUPS)
    listing.add_argument(
        "pattern", nargs="?", help="of backbones, e.g. 'resnet*', 'timm/vit_*', 'torchvision/*'"
    )
    listing.set_defaults(run=_list, trace=False)

    costs = commands.add_parser("costs", help="what backbones cost on this machine")
    costs.description = "Parameters, D, FLOPs and images per second of each backbone, measured."
    costs.epilog = "example: manyviews costs 'timm/convnext_*' --size 32"
    costs.add_argument("pattern", help="as of `list backbones`, e.g. 'resnet*'")
    costs.add_argument("--size", type=int, default=224, help="side of the images, pixels (224)")
    costs.add_argument("--channels", type=int, default=3, help="of the images (3)")
    costs.set_defaults(run=_costs, trace=False)

    config = commands.add_parser("config", help="look at the config", description="The config.")
    inner = config.add_subparsers(required=True, metavar="COMMAND")
    _command(inner, "show", _config_show, "print the resolved config of `pretrain`")
    return parser


def _command(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=OVERRIDES)
    command.add_argument("--config-dir", metavar="FOLDER", help="config groups of your own")
    command.add_argument("--trace", action="store_true", help="show where an error came from")
    command.set_defaults(run=run)
    return command
