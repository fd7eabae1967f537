"""The command `manyviews config explain method=swav`: meaning and origin of each key."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from manyviews.commands.config import gaps
from manyviews.commands.config.constructors import NO_DEFAULT, Argument, described
from manyviews.commands.config.layers import Layer, Written, layers
from manyviews.config.differences import as_typed
from manyviews.errors import unknown
from manyviews.schema import Config, locate

LABEL = 11  # width of the labels, with the gap behind them
BRACKETS = re.compile(
    r"(.*?)\s*\[([^\[\]]*)\]$"
)  # "K of eq. 2 [3000]": meaning and published value
WHOSE = re.compile(r"(?:In brackets|Brackets): (.+?)\.(?: |$)")


class Explained(NamedTuple):
    """A key of a config with all that is known about it.

    Attributes:
        argument: key, value, type and default.
        given: False if the value has yet to be given.
        meaning: one or more sentences, "" if nobody wrote them.
        published: the value that the head of the file calls "in brackets", and whose it is.
        origin: where the value came from, then the values that it replaced.
    """

    argument: Argument
    given: bool
    meaning: str
    published: str
    origin: tuple[str, ...]


def explain(
    arguments: Sequence[str], config_dir: str | None = None, *, width: int = 80
) -> Iterator[Text]:
    """Yield a block of lines for every key, under a heading for every node.

    Args:
        arguments: overrides as of `pretrain`; one without "=" is a key or a group of keys to show.
        config_dir: a folder with config groups of your own.
        width: of the lines, in characters.

    Raises:
        ConfigError: an override is wrong, or there is no such key.
    """
    wanted = [a.strip(".") for a in arguments if "=" not in a and not a.startswith("~")]
    overrides = [a for a in arguments if "=" in a or a.startswith("~")]
    composed, choices = gaps.compose(overrides, config_dir)
    every = list(explained(composed, layers(overrides, choices, config_dir)))
    shown = _chosen(every, wanted) if wanted else every
    node = ""
    for one in shown:
        if one.argument.node != node:
            node = one.argument.node
            if node:  # keys at the top have no heading
                yield _heading(node, composed, choices, width)
        yield _block(one, width)


def explained(composed: Config, merged: Sequence[Layer]) -> Iterator[Explained]:
    """Yield every key of a checked config.

    Args:
        composed: the config.
        merged: its layers; the last one that has a key set it.
    """
    for argument in described(composed):
        names = (argument.key, f"{argument.key}._target_")  # the second of a node without keys
        setters = [(x, x.keys[name]) for x in merged for name in names if name in x.keys]
        removed = argument.value is None and _had_keys(argument.key, merged)
        meaning = "null removes what stood here" if removed else _meaning(argument, setters)
        given = not setters or setters[-1][1].value != gaps.MISSING
        published, origin = _published(argument, setters), _origin(setters)
        yield Explained(argument, given, meaning, published, origin)


def _had_keys(key: str, merged: Sequence[Layer]) -> bool:
    return any(name.startswith(f"{key}.") for layer in merged for name in layer.keys)


def _meaning(argument: Argument, setters: Sequence[tuple[Layer, Written]]) -> str:
    """Return the first comment beside the key; without one what the constructor says."""
    first = _words(setters[0][1].comment) if setters else ""
    return first or argument.meaning


def _words(comment: str) -> str:
    """Return a comment without the published value in brackets at its end."""
    found = BRACKETS.match(comment)
    return found[1] if found else comment


def _published(argument: Argument, setters: Sequence[tuple[Layer, Written]]) -> str:
    """Return the value in brackets at the end of a comment, and whose it is."""
    for layer, written in setters:
        if found := BRACKETS.match(written.comment):
            value = f"[{found[2]}]" if isinstance(argument.value, list) else found[2]
            whose = WHOSE.search(layer.head)
            return f"{value} ({whose[1]})" if whose else value
    return ""


def _origin(setters: Sequence[tuple[Layer, Written]]) -> tuple[str, ...]:
    """Return the source of the value, then those that it replaced, newest first."""
    said = []
    for i, (layer, written) in enumerate(reversed(setters)):
        note = "" if i == len(setters) - 1 else _words(written.comment)
        resolved = "${" in written.value
        value = f" says {written.value}" if i or resolved else ""
        said.append(f"{layer.source}{value}" + (f" ({note})" if note else ""))
    return tuple(said) or ("follows from other settings",)


def _chosen(every: Sequence[Explained], wanted: Sequence[str]) -> list[Explained]:
    """Return the keys that are asked for by name, or by the name of a group above them.

    Raises:
        ConfigError: there is no such key.
    """
    names = [one.argument.key for one in every]
    for name in wanted:
        if not any(_is_in(key, name) for key in names):
            ending = [key for key in names if key.endswith(f".{name}")]
            raise unknown("key", name, ending or _with_groups(names))
    return [one for one in every if any(_is_in(one.argument.key, name) for name in wanted)]


def _is_in(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _with_groups(names: Sequence[str]) -> set[str]:
    parts = [name.split(".") for name in names]
    return {".".join(p[:depth]) for p in parts for depth in range(1, len(p) + 1)}


def _heading(node: str, composed: Config, choices: Mapping[str, str], width: int) -> Text:
    """Return the name of a node, its class and the first sentence about that."""
    content: Any = composed
    for part in node.split("."):
        content = content[part]
    name = f"{node}={choices[node]}" if node in choices else node
    if "_target_" not in content:
        return Text(f"\n{name}", "bold underline")
    target = locate(content["_target_"], node)
    about = (inspect.getdoc(target) or "").split("\n\n")[0]
    line = f"{content['_target_']}: {' '.join(about.split())}"
    return Text.assemble((f"\n{name}\n", "bold underline"), textwrap.fill(line, width))


def _block(one: Explained, width: int) -> Text:
    argument = one.argument
    has_default = argument.default is not NO_DEFAULT
    rows = [
        ("meaning", one.meaning),
        ("type", argument.type),
        ("default", as_typed(argument.default) if has_default else ""),
        ("published", one.published),
        ("from", one.origin[0]),
        *(("instead of", said) for said in one.origin[1:]),
    ]
    value = as_typed(argument.value) if one.given else f"{gaps.MISSING} (has to be given)"
    block = Text.assemble((argument.key, "bold"), f" = {value}")
    for label, text in rows:
        if text:
            block.append(f"\n  {label:<{LABEL}}", "dim")
            block.append(("\n" + " " * (LABEL + 2)).join(_wrapped(text, width - LABEL - 2)))
    return block


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
