"""The command line `manyviews <command> [overrides]`: commands, options and help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from manyviews import __version__
from manyviews.errors import ConfigError

GROUPS = ("methods", "backbones", "data", "views", "experiments", "protocols", "tables")
EXIT_CODES = (
    "exit codes: 0 done; 1 failed, the message says why; 2 a mistake in the command or its data, "
    "nothing was trained; 130 stopped by Ctrl-C, 143 stopped by SIGTERM: the same command continues"
)
OVERRIDES = "what to change, as key=value or group=name; `manyviews config show` prints all keys"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line; options may stand before, between and after overrides.

    Its `command` is the name of the command, such as "pretrain" or "config show".

    Raises:
        ConfigError: an unknown option.
    """
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    options = [text for text in rest if text.startswith("-")]
    if not hasattr(arguments, "overrides"):
        parser.parse_args(argv)  # ends with argparse's own message if anything is left
    elif options:
        raise ConfigError(_unknown_option(options[0], argv))
    else:
        arguments.overrides += rest  # argparse takes the first row of positional arguments only
    return arguments


def _unknown_option(given: str, argv: Sequence[str]) -> str:
    """Return what to type in place of an option that does not exist, such as `--epochs 10`."""
    name, _, value = given.lstrip("-").partition("=")
    following = [text for text in argv[argv.index(given) + 1 :][:1] if not text.startswith("-")]
    value = value or next((text for text in following if "=" not in text), "VALUE")
    key = name.replace("-", "_")
    return (
        f"unknown option {given}; settings have no dashes: type {key}={value}; "
        "`manyviews COMMAND --help` lists the options"
    )


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="manyviews", description="Self-supervised learning.")
    parser.epilog = EXIT_CODES
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    pretrain = _command(commands, "pretrain", "learn a backbone, then evaluate it")
    pretrain.epilog = (
        "example: manyviews pretrain method=swav data=cifar10 backbone=resnet18; "
        "manyviews pretrain -m method=swav,tico seed=0,1,2 -j 2"
    )
    pretrain.add_argument(
        "-m",
        "--multirun",
        action="store_true",
        help="a sweep: a run for each combination of values",
    )
    _add_options_of_sweeps(pretrain)
    pretrain.add_argument(
        "--detach",
        action="store_true",
        help="with launcher=slurm: submit the jobs and leave; the same command without it collects",
    )
    evaluate = _command(commands, "evaluate", "score a run or any backbone on any data")
    evaluate.epilog = "example: manyviews evaluate run=runs/swav-cifar10-resnet18-3f2a9c1e-s0"

    where = _command(commands, "where", "print the run folder of a `pretrain` command")
    where.epilog = "example: manyviews evaluate run=$(manyviews where experiment=demo)"

    views = _command(commands, "views", "write a picture of the views that training sees")
    views.epilog = "example: manyviews views experiment=demo sample=17 epoch=3 file=views.png"

    doctor = _command(commands, "doctor", "look at every image or series of a data set")
    doctor.epilog = "example: manyviews doctor data=folder data.path=photos file=doctor.json"

    listing = commands.add_parser("list", help="names that can be chosen", description="Names.")
    listing.add_argument("kind", choices=GROUPS)
    listing.add_argument(
        "pattern", nargs="?", help="of backbones, e.g. 'resnet*', 'timm/vit_*', 'torchvision/*'"
    )
    listing.set_defaults(command="list", trace=False)

    costs = commands.add_parser("costs", help="what backbones cost on this machine")
    costs.description = "Parameters, D, FLOPs and images per second of each backbone, measured."
    costs.epilog = "example: manyviews costs 'timm/convnext_*' --size 32"
    costs.add_argument("pattern", help="as of `list backbones`, e.g. 'resnet*'")
    costs.add_argument("--size", type=int, default=224, help="side of the images, pixels (224)")
    costs.add_argument("--channels", type=int, default=3, help="of the images (3)")
    costs.set_defaults(command="costs", trace=False)

    proxies = commands.add_parser("proxies", help="rank measures without labels against a probe")
    proxies.description = (
        "Rank the measures of the protocol label_free against a probe, over checkpoints or runs "
        "that were evaluated under both."
    )
    proxies.epilog = "example: manyviews proxies runs/A runs/B runs/C --probe knn@1/top1"
    proxies.add_argument("paths", nargs="+", metavar="RUN", help="run folders or report.json files")
    proxies.add_argument("--probe", help="protocol and measure (linear_lbfgs@2/top1)")
    proxies.add_argument("--folder", default="proxies", help="where the page goes (proxies)")
    proxies.add_argument("--trace", action="store_true", help="show where an error came from")
    proxies.set_defaults(command="proxies")

    sweep = commands.add_parser("sweep", help="say where a sweep stands; runs nothing")
    sweep.description = (
        "Say where a sweep stands, and which command continues it. `sweep wandb FILE` prints a "
        "sweep file in the form that `wandb sweep` takes; its agents then train the runs."
    )
    sweep.epilog = (
        "example: manyviews sweep sweeps/NAME; manyviews sweep wandb mine.yaml > wandb.yaml"
    )
    sweep.add_argument("words", nargs="+", metavar="FOLDER", help="folder of a sweep; wandb FILE")
    sweep.add_argument("--config-dir", metavar="FOLDER", help="config groups of your own")
    sweep.add_argument("--trace", action="store_true", help="show where an error came from")
    sweep.set_defaults(command="sweep")

    board = commands.add_parser("leaderboard", help="a table of runs, the best first")
    board.description = "A table of runs: settings that differ, mean and spread over seeds, cost."
    board.epilog = (
        "example: manyviews leaderboard runs --by val/linear_lbfgs@2/top1 --group method "
        "--where data=cifar10 --md"
    )
    board.add_argument("folders", nargs="*", metavar="FOLDER", help="where runs lie (runs)")
    board.add_argument("--by", metavar="METRIC", help="sort by, such as val/knn@1/top1")
    board.add_argument("--group", action="append", metavar="KEY", help="one row per value of it")
    board.add_argument(
        "--over", metavar="KEY", help="columns per value of it, and the best one for each --group"
    )
    board.add_argument("--where", action="append", metavar="KEY=VALUE", help="only such runs")
    form = board.add_mutually_exclusive_group()
    for name in ("csv", "md", "json"):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name)
    board.add_argument("--trace", action="store_true", help="show where an error came from")
    board.set_defaults(command="leaderboard")

    reproduce = _command(commands, "reproduce", "run a table of figures and compare them")
    reproduce.description = (
        "Run what is missing of a table of figures, write its page, and compare the figures with "
        "those that are expected. Exit code 1 if one is not within what is expected."
    )
    reproduce.epilog = "example: manyviews reproduce table=fashion_mnist_mini -j 2"
    _add_options_of_sweeps(reproduce)
    reproduce.set_defaults(detach=False)  # its page needs the results

    compare = commands.add_parser(
        "compare", help="what differs between runs, and between their scores"
    )
    compare.description = (
        "Print the settings that differ between evaluated runs, how their metrics went, the "
        "differences of their scores over the same test items, and how often they disagree. "
        "`manyviews evaluate run=[A,B]` also computes how alike their layers are (CKA)."
    )
    compare.epilog = "example: manyviews compare runs/A runs/B"
    compare.add_argument("runs", metavar="RUN", nargs="+", help="two or more run folders")
    compare.add_argument("--trace", action="store_true", help="show where an error came from")
    compare.set_defaults(command="compare")

    dashboard = commands.add_parser("dashboard", help="one HTML file over many runs")
    dashboard.description = (
        "Write one HTML file over all runs: a table to sort, filter and group, curves, settings "
        "against scores, and runs side by side. It opens without a network."
    )
    dashboard.epilog = "example: manyviews dashboard runs --out dashboard.html --watch"
    dashboard.add_argument("folders", nargs="*", metavar="FOLDER", help="where runs lie (runs)")
    dashboard.add_argument(
        "--out", default="dashboard.html", metavar="FILE", help="the page (dashboard.html)"
    )
    dashboard.add_argument(
        "--watch", action="store_true", help="write it again as long as a run is at work"
    )
    dashboard.add_argument(
        "--every", type=float, default=10.0, metavar="SECONDS", help="with --watch (10)"
    )
    dashboard.add_argument("--trace", action="store_true", help="show where an error came from")
    dashboard.set_defaults(command="dashboard")

    config = commands.add_parser("config", help="look at the config", description="The config.")
    inner = config.add_subparsers(required=True, metavar="COMMAND")
    _command(inner, "config show", "print the resolved config of `pretrain`")
    explain = _command(inner, "config explain", "say what each key means and whence it is")
    explain.epilog = (
        "an argument without = is a key or a group of keys to show; "
        "example: manyviews config explain experiment=demo method optimizer.lr"
    )
    diff = inner.add_parser("diff", help="print what differs between two runs or two commands")
    diff.description = (
        "Print the chosen files and the keys that differ, and say whether both are the same run. "
        "Runs of earlier versions are compared in today's form. Exit code 0 whether they differ or "
        "not, 2 for a mistake."
    )
    diff.epilog = "example: manyviews config diff runs/NAME 'method=swav epochs=10'"
    for name in ("first", "second"):
        diff.add_argument(
            name, metavar=name.upper(), help="a run folder, or overrides of `pretrain` in quotes"
        )
    diff.add_argument("--config-dir", metavar="FOLDER", help="config groups of your own")
    diff.add_argument("--trace", action="store_true", help="show where an error came from")
    diff.set_defaults(command="config diff")
    check = _command(inner, "config check", "build a run and try one step; write nothing")
    check.epilog = "example: manyviews config check experiment=demo batch_size=512"
    return parser


def _add_options_of_sweeps(command: argparse.ArgumentParser) -> None:
    command.add_argument("-j", "--jobs", type=int, metavar="N", help="runs at the same time (1)")
    command.add_argument(
        "--retry", choices=["failed", "none"], help="runs that failed before: once more, or not"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="plan the sweep, print its commands, run nothing"
    )


def _command(commands, name: str, text: str) -> argparse.ArgumentParser:
    """Return the parser of a command that takes overrides; `name` has its group before it."""
    command = commands.add_parser(
        name.split()[-1], help=text, description=text[0].upper() + text[1:] + "."
    )
    command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=OVERRIDES)
    command.add_argument("--config-dir", metavar="FOLDER", help="config groups of your own")
    command.add_argument("--trace", action="store_true", help="show where an error came from")
    command.set_defaults(command=name)
    return command
