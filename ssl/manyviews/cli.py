"""The program `manyviews`: one function per command, and the exit code of each error."""

from __future__ import annotations

import argparse
import errno
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from manyviews import launch_variables
from manyviews.errors import ConfigError, Interrupted, RunFailed
from manyviews.parser import parse

# Error numbers of a disk that is full, over its quota, read-only or broken.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    `parser.EXIT_CODES` says what they mean; each type of error in `errors.py` holds its own.
    """
    if argv is None:  # this process is the program `manyviews`, not one that calls this function
        _let_idle_threads_sleep()
    code = _run(argv)
    if argv is None and code == Interrupted.exit_code and not launch_variables.started_by():
        _end_by_interrupt()
    return code


def _run(argv: Sequence[str] | None) -> int:
    arguments = argparse.Namespace(trace=False)
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        told = arguments.command in ("pretrain", "evaluate")
        with launch_variables.ours_alone(told=told):
            COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            return 1
        code = _exit_code(error)
        if arguments.trace or code is None:
            traceback.print_exc()
        elif not (isinstance(error, Interrupted) and launch_variables.rank() > 0):  # rank 0 says it
            print(f"manyviews: {_line(error)}", file=sys.stderr)
        return 1 if code is None else code
    return 0


def _end_by_interrupt() -> None:
    """End this process by SIGINT, which a shell shows as 130.

    After an ordinary exit with 130 bash goes on with the next round of a loop.
    """
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _stdout_is_closed() -> bool:
    """Return True if stdout was closed by its reader (`manyviews … | head`); discard the rest."""
    if not hasattr(select, "poll"):  # Windows; a pipe that breaks here is nearly always this one
        return True
    printed = select.poll()
    printed.register(sys.stdout, 0)
    closed = bool(printed.poll(0))  # no events were asked for, so only errors are reported
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
    return closed


def _exit_code(error: BaseException) -> int | None:
    """Return the exit code of an error that is told in one line, None if it needs a traceback."""
    if isinstance(error, ConfigError | RunFailed | Interrupted):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.exit_code
    return RunFailed.exit_code if isinstance(error, OSError) and error.errno in DISK else None


def _line(error: BaseException) -> str:
    """Return an error's message on one line, whatever text it quotes."""
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}; what was saved before is intact, "
            "and the same command continues once this is mended"
        )
    return " ".join(str(error).split()) or "interrupted"


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


def _composed(schema: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the config of a command; a mistake is told at once, before Lightning is imported."""
    from manyviews import config

    config.check_each_key_is_typed_once(arguments.overrides)
    return config.compose(schema, arguments.overrides, arguments.config_dir)[0]


def _pretrain(arguments: argparse.Namespace) -> None:
    given = _of_sweep(arguments)
    if arguments.multirun:
        _sweep_runs(arguments, given)
        return
    if given:
        name = next(iter(given)).replace("_", "-")
        raise ConfigError(f"--{name} belongs to a sweep; type -m, too")
    if launch_variables.rank() == 0:  # the other processes read the config of rank 0
        _composed("pretrain", arguments)
    from manyviews import train

    _prepare_process()
    run = train.pretrain(arguments.overrides, arguments.config_dir)
    if launch_variables.rank() == 0 and run.report.is_file():
        _show(run.report)


def _of_sweep(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of a sweep that were given."""
    options = {
        "jobs": arguments.jobs,
        "retry": arguments.retry,
        "dry_run": arguments.dry_run or None,
        "detach": arguments.detach or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _reproduce(arguments: argparse.Namespace) -> None:
    from manyviews import config
    from manyviews.sweeps.tables import reproduce

    config.check_each_key_is_typed_once(arguments.overrides)
    reproduce.run(arguments.overrides, arguments.config_dir, **_of_sweep(arguments))


def _sweep_runs(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    from manyviews import config
    from manyviews.sweeps import command

    config.check_each_key_is_typed_once(arguments.overrides)
    command.run(arguments.overrides, arguments.config_dir, **options)


def _sweep(arguments: argparse.Namespace) -> None:
    from manyviews.sweeps import agents, command, standing

    match arguments.words:
        case ["trial", folder, number]:
            _trial(lambda: command.run_trial(folder, number))
        case ["trial", file]:
            _trial(lambda: agents.run_trial(file, arguments.config_dir))
        case ["wandb", file]:
            with redirect_stdout(sys.stderr):  # how far it is does not belong into the YAML
                text = agents.wandb_sweep(file, arguments.config_dir)
            print(text, end="")
        case [folder]:
            _print_lines(standing.show(folder))
        case _:
            raise ConfigError("type manyviews sweep FOLDER, or manyviews sweep wandb FILE")


def _trial(train: Callable[[], Path]) -> None:
    """Train a trial of a sweep and print its scores."""
    import pytorch_lightning  # noqa: F401  # it would set the log levels anew when it is imported

    _prepare_process()
    run = train()
    if launch_variables.rank() == 0:
        _show(run / "report" / "report.json")


def _leaderboard(arguments: argparse.Namespace) -> None:
    from manyviews.sweeps.boards import forms, leaderboard, spread

    groups: list[str] = arguments.group or []
    over = arguments.over
    if over is not None and (len(groups) != 1 or arguments.form is not None):
        raise ConfigError(f"--over {over}: type one --group KEY, too, and no --csv, --md or --json")
    found = leaderboard.leaderboard(
        arguments.folders or ["runs"], arguments.by, [] if over else groups, arguments.where or ()
    )
    if over is not None:
        spread.show(found, groups[0], over)
    else:
        forms.show(found, arguments.form)


def _evaluate(arguments: argparse.Namespace) -> None:
    from manyviews import config

    config.check_each_key_is_typed_once(arguments.overrides)
    first = config.by_data(arguments.overrides)[0]  # a mistake is told before torch is imported
    composed, _ = config.compose("evaluate", first, arguments.config_dir)
    from manyviews import runs

    given = composed["run"] or []
    for run in [given] if isinstance(given, str) else given:
        runs.load(run)  # needs no Lightning, which scoring imports
    from manyviews import scoring

    _prepare_process()
    _show_all(scoring.evaluate(arguments.overrides, arguments.config_dir))


def _where(arguments: argparse.Namespace) -> None:
    _composed("pretrain", arguments)
    from manyviews import retriever_stage, runs

    stage = retriever_stage.compose(arguments.overrides, arguments.config_dir)[-1]
    print(runs.folder(stage.config, stage.choices))


def _views(arguments: argparse.Namespace) -> None:
    _composed("views_sheet", arguments)
    from manyviews.commands import views

    print(views.write(arguments.overrides, arguments.config_dir))


def _doctor(arguments: argparse.Namespace) -> None:
    _composed("doctor", arguments)
    from manyviews.commands.doctor import examine

    _prepare_process()
    print(examine.examine(arguments.overrides, arguments.config_dir))


def _show(report_json: Path) -> None:
    import json

    from rich.console import Console

    from manyviews import report

    card = json.loads(report_json.read_text(encoding="utf-8"))
    console = Console()
    console.print(report.table(card))
    for sentence in card["sentences"]:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {report_json.with_name('index.html')}", soft_wrap=True, highlight=False)


def _show_all(done: Any) -> None:
    """Print every report of an evaluation, and what several of them say together."""
    import json

    from rich.console import Console

    from manyviews import report
    from manyviews.commands import compare

    for path in done.reports:
        _show(path)
    console = Console()
    if len(done.reports) + len(done.missing) > 1 and done.comparison is None:
        cards = [json.loads(path.read_text(encoding="utf-8")) for path in done.reports]
        console.print(report.transfer_table(cards, done.missing))
    if done.comparison is not None:
        compare.print_figures(done.comparison)


def _compare(arguments: argparse.Namespace) -> None:
    from manyviews.commands import compare

    compare.show(arguments.runs)


def _dashboard(arguments: argparse.Namespace) -> None:
    from manyviews.commands import dashboard

    folders = arguments.folders or ["runs"]
    dashboard.show(folders, arguments.out, arguments.watch, arguments.every)


def _list(arguments: argparse.Namespace) -> None:
    from manyviews.commands import listing

    _print_lines(listing.lines(arguments.kind, arguments.pattern))


def _costs(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from manyviews.commands import costs

    table, skipped = costs.table(arguments.pattern, arguments.size, arguments.channels)
    console = Console()
    console.print(table)
    for line in skipped:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _proxies(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from manyviews.commands import proxies
    from manyviews.report.proxies import table

    ranking = proxies.write(arguments.paths, arguments.folder, arguments.probe or proxies.PROBE)
    console = Console()
    console.print(table(ranking))
    for note in ranking.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    page = Path(arguments.folder, "proxies.html")
    console.print(f"page: {page}", soft_wrap=True, highlight=False)


def _config_show(arguments: argparse.Namespace) -> None:
    import yaml

    print(yaml.safe_dump(_composed("pretrain", arguments), sort_keys=False), end="")


def _config_explain(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from manyviews.commands.config import explain

    console = Console(highlight=False)
    told = explain.explain(arguments.overrides, arguments.config_dir, width=console.width)
    for block in told:
        console.print(block, soft_wrap=True)


def _config_diff(arguments: argparse.Namespace) -> None:
    from manyviews.commands.config import diff

    _print_lines(diff.lines(arguments.first, arguments.second, arguments.config_dir))


def _config_check(arguments: argparse.Namespace) -> None:
    _composed("pretrain", arguments)
    from manyviews.commands.config import check

    _prepare_process()
    _print_lines(check.check(arguments.overrides, arguments.config_dir))


def _print_lines(lines: Iterable[str]) -> None:
    """Print each line when it is known."""
    for line in lines:
        print(line, flush=True)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "pretrain": _pretrain,
    "sweep": _sweep,
    "leaderboard": _leaderboard,
    "reproduce": _reproduce,
    "compare": _compare,
    "dashboard": _dashboard,
    "evaluate": _evaluate,
    "where": _where,
    "views": _views,
    "doctor": _doctor,
    "list": _list,
    "costs": _costs,
    "proxies": _proxies,
    "config show": _config_show,
    "config explain": _config_explain,
    "config diff": _config_diff,
    "config check": _config_check,
}
