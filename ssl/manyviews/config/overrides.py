"""What a user types after the command: `key=value` or `group=name`, read with Hydra's grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from manyviews.errors import ConfigError

KEY = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@:-]*")
PLAIN_WORD = re.compile(r"[\w./@:%+-]+")  # no quotes are needed around it, unless it is a number
PLAIN_BACKSLASH = re.compile(r"[^'\"\[\]{}()]*\\[^'\"\[\]{}()]*")
LIBRARIES = ("timm/", "torchvision/")  # `backbone=timm/NAME` chooses a model of a library by name

INSTEAD_OF_HYDRA = {
    "hydra/launcher": "; type -m, and -j N for N runs at the same time, or launcher=slurm for "
    "jobs of SLURM",
    "hydra/sweeper": "; type -m for a grid, or -m with sweep=optuna for a search",
}
SETS = "callbacks.other_data.sets"  # takes names of data sets, each of which has a file


def parse(overrides: Sequence[str]) -> list[Override]:
    """Return the overrides as Hydra reads them; of two for the same key the later one counts.

    Raises:
        ConfigError: one of them is not `key=value`, holds several values or is about Hydra itself.
    """
    return [*{place(o): o for o in map(_read, overrides)}.values()]


def check_each_key_is_typed_once(overrides: Sequence[str]) -> None:
    """Raise if what a user typed gives two values to one key.

    Raises:
        ConfigError: quotes both.
    """
    values: dict[str, Override] = {}
    for override in map(parsed, overrides):
        first = values.setdefault(place(override), override)
        if repr(first.value()) != repr(override.value()):
            raise ConfigError(
                f"{place(override)} is given twice, as '{first.input_line}' and as "
                f"'{override.input_line}'; leave one out"
            )


def place(override: Override) -> str:
    """Return the key that an override sets, or its group and where in the config its file goes."""
    return override.get_key_element().lstrip("+~")


def _read(text: str) -> Override:
    """Return one override that holds one value."""
    override = parsed(text)
    if override.is_sweep_override():
        raise ConfigError(
            f"'{text}' holds several values, and one run takes one of them; "
            "`manyviews pretrain -m` makes a run of each; if it is one text, quote it: "
            f'"{text.replace("=", chr(61) + chr(39), 1)}\'"'
        )
    return override


def parsed(text: str) -> Override:
    """Return one override; text that Hydra's grammar has no word for is taken as it is."""
    parser = OverridesParser.create()
    key, equals, value = text.partition("=")
    said = f"cannot read '{text}'; type key=value, e.g. epochs=10"
    if not KEY.fullmatch(key):
        raise ConfigError(said)
    as_it_is = f"{key}={quoted(value)}"
    try:
        # The grammar takes a backslash as an escape; in a path it is what was typed.
        override = parser.parse_override(as_it_is if PLAIN_BACKSLASH.fullmatch(value) else text)
    except HydraException as error:
        if not equals:
            raise ConfigError(said) from error
        # A path such as "photos (1)" or "it's" is no number, list or name of the grammar.
        override = parser.parse_override(as_it_is)
    if override.key_or_group.partition("/")[0].partition(".")[0] == "hydra":
        instead = INSTEAD_OF_HYDRA.get(override.key_or_group, "")
        raise ConfigError(f"'{text}': settings of Hydra itself cannot be changed here{instead}")
    return override


def as_text(value: Any) -> str:
    """Return a value as it is typed after `key=`; Hydra reads the same value and type from it.

    >>> [as_text(value) for value in (1e-05, True, None, "swav", "3", "a, b", [1, "knn"])]
    ['1e-05', 'true', 'null', 'swav', "'3'", "'a, b'", '[1,knn]']
    """
    if isinstance(value, str):
        return value if _is_word(value) else quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(map(as_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{as_text(item)}" for key, item in value.items()) + "}"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _is_word(text: str) -> bool:
    """Return True if Hydra reads a text as itself without quotes."""
    if not PLAIN_WORD.fullmatch(text):
        return False
    try:
        return OverridesParser.create().parse_override(f"key={text}").value() == text
    except HydraException:
        return False


def quoted(text: str) -> str:
    """Return a text in quotes as Hydra reads them."""
    return QuotedString(text, Quote.single).with_quotes()


def by_data(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides once for each data set of `data=[A,B]`, or as they are.

    >>> by_data(["run=runs/a", "data=[cifar10,stl10]"])
    [['run=runs/a', 'data=cifar10'], ['run=runs/a', 'data=stl10']]

    Raises:
        ConfigError: the list is empty, or holds something else than names.
    """
    several = [text for text in overrides if text.startswith("data=[")]
    if not several:
        return [[*overrides]]
    names, rest = _read(several[-1]).value(), [text for text in overrides if text not in several]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ConfigError(f"'{several[-1]}': type names of data sets, as data=[cifar10,stl10]")
    return [[*rest, f"data={name}"] for name in dict.fromkeys(names)]


def by_set(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with a list of other data sets written as a choice of each one's file.

    >>> by_set(["callbacks.other_data.sets=[pets]", "callbacks.other_data.sets.pets.root=photos"])
    ['+data@callbacks.other_data.sets.pets=pets', 'callbacks.other_data.sets.pets.root=photos']

    Raises:
        ConfigError: the list holds something else than names.
    """
    found = []
    for text in overrides:
        names = _read(text).value() if text.startswith(f"{SETS}=") else None
        if not isinstance(names, str | list):
            found.append(text)
            continue
        names = [names] if isinstance(names, str) else names
        if not all(isinstance(name, str) for name in names):
            raise ConfigError(f"'{text}': type names of data sets, as {SETS}=[cifar10,pets]")
        found += [f"+data@{SETS}.{name}={name}" for name in names]
    return found


def typed_text(parsed: Sequence[Override]) -> dict[str, Any]:
    """Return the text of values that Hydra read as numbers or booleans, by their keys.

    In a list, each such value is replaced by its text.
    """
    texts = {o.key_or_group: _text(o) for o in parsed if not o.is_delete()}
    return {key: text for key, text in texts.items() if text is not None}


def _text(override: Override) -> Any:
    raw, value = str(override.input_line).partition("=")[2].strip(), override.value()
    if isinstance(value, (bool, int, float)):
        return raw
    if not isinstance(value, list):
        return None
    items = [item.strip() for item in raw[1:-1].split(",")]
    if len(items) != len(value) or re.search(r"[\[\]{}'\"\\]", raw[1:-1]):
        return None  # quoted or nested: what is text is marked as text already
    return [v if isinstance(v, str) or v is None else t for v, t in zip(value, items, strict=True)]


def by_library(overrides: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the overrides with `backbone=timm/NAME` split into file and name, and that choice."""
    expanded, choices = [], {}
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "backbone" and value.startswith(LIBRARIES):
            expanded += [f"backbone={value.partition('/')[0]}", f"backbone.name={value}"]
            choices = {"backbone": value}
        else:
            expanded.append(text)
    return expanded, choices
