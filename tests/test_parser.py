import re

import pytest

from manyviews.cli import COMMANDS
from manyviews.errors import ConfigError
from manyviews.parser import GROUPS, parse

# What a command needs, beside those that take any number of overrides.
NEEDED = {
    "list": ["methods"],
    "costs": ["resnet*"],
    "proxies": ["runs/A"],
    "sweep": ["sweeps/A"],
    "compare": ["runs/A", "runs/B"],
    "config diff": ["runs/A", "runs/B"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_parsed_to_its_name(name):
    assert parse([*name.split(), *NEEDED.get(name, [])]).command == name


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ([], {name.split()[0] for name in COMMANDS}),
        (["config"], {name.split()[1] for name in COMMANDS if name.startswith("config ")}),
    ],
)
def test_the_help_lists_the_commands_that_can_be_run(group, names, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        parse([*group, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if re.match(r" {4}\w", line)} == names


@pytest.mark.parametrize("kind", GROUPS)
def test_each_kind_of_names_can_be_listed(kind):
    assert parse(["list", kind]).kind == kind


@pytest.mark.parametrize("place", [0, 1, 2])
def test_options_may_stand_before_between_and_after_overrides(place):
    overrides = ["data=stripes", "batch_size=16"]
    typed = overrides.copy()
    typed[place:place] = ["--config-dir", "conf", "--trace"]
    found = parse(["config", "show", *typed])
    assert (found.overrides, found.config_dir, found.trace) == (overrides, "conf", True)


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        (["--epochs", "10"], "unknown option --epochs; .*: type epochs=10;"),
        (["--epochs=10", "method=swav"], "unknown option --epochs=10; .*: type epochs=10;"),
        (["method=swav", "--batch-size", "64"], ": type batch_size=64;"),
        (["data=folder", "-e", "data.path=x"], "unknown option -e; .*: type e=VALUE;"),
        (["--foo"], "type foo=VALUE; `manyviews COMMAND --help` lists the options$"),
    ],
)
@pytest.mark.parametrize("command", ["pretrain", "doctor"])
def test_an_unknown_option_is_told_with_the_key_to_type(command, typed, instead):
    with pytest.raises(ConfigError, match=instead):
        parse([command, *typed])


def test_commands_without_overrides_refuse_what_is_left(capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(["list", "methods", "x", "y"])
    assert "unrecognized arguments: y" in capsys.readouterr().err
