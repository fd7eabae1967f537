"""Names of subjects, recordings and channels, as files hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from manyviews.datamodules.label_text import class_names, strip
from manyviews.errors import ConfigError

SHOWN = 3  # examples in one sentence


def subject_names(
    texts: Sequence[str], where: str, items: str
) -> tuple[list[str], tuple[str, ...]]:
    """Return the subject that each text names, and a sentence if that is not what is written.

    `s0` and `s0 ` are one person, and so are `1` and `1.0` if both occur: a person who is two could
    be in both splits.

    Args:
        texts: a subject for each item.
        where: file, for error messages.
        items: what has a subject, "recordings" or "rows".

    Raises:
        ConfigError: an item has no subject.
    """
    names = class_names(texts)
    if missing := [i for i, name in enumerate(names) if name is None]:
        raise ConfigError(
            f"{where}: {len(missing)} of {len(names)} {items} have no subject (number "
            f"{missing[0]} from 0 on is {texts[missing[0]]!r}); name who was recorded everywhere, "
            "or leave subject out and type data.by=recording"
        )
    known = [str(name) for name in names]
    return known, _changed(texts, known, f"{where}: subject")


def stripped_names(texts: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """Return names without blanks around them, and a sentence if there were any."""
    names = [strip(text) for text in texts]
    return names, _changed(texts, names, where)


def unique_names(texts: Sequence[str], where: str, kind: str) -> tuple[str, ...]:
    """Return names without blanks around them.

    Args:
        texts: a name for each thing.
        where: file, for error messages.
        kind: what has these names: "channel", "column" or "class".

    Raises:
        ConfigError: a name is empty, or occurs twice.
    """
    names = tuple(strip(text) for text in texts)
    if "" in names:
        raise ConfigError(
            f"{where}: {kind} number {names.index('') + 1} of {len(names)} has no name; name it or "
            f"leave it out"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        same = [repr(text) for text, name in zip(texts, names, strict=True) if name == twice[0]]
        plural = "classes" if kind == "class" else f"{kind}s"
        raise ConfigError(
            f"{where}: {len(same)} {plural} have the same name ({', '.join(same[:SHOWN])}); "
            "give each its own"
        )
    return names


def listed(names: Iterable[str]) -> str:
    """Return names with commas between them; those with control characters in quotes."""
    return ", ".join(name if name.isprintable() else repr(name) for name in names)


def _changed(texts: Sequence[str], names: list[str], where: str) -> tuple[str, ...]:
    """Return a sentence about the texts that differ from their names."""
    pairs = sorted({(t, n) for t, n in zip(texts, names, strict=True) if t != n})
    if not pairs:
        return ()
    shown = ", ".join(f"{text!r} is {name!r}" for text, name in pairs[:SHOWN])
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return (f"{where}: {shown}{more}",)
