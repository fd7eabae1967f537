"""Names and classes that users write as text: which texts mean the same, and which mean "unknown".

Names are compared after `strip`. Spreadsheets and pandas write a missing class in several ways, and
write a class `1` as `1.0` once another cell of the column is empty: both are undone here. `changes`
says what was read differently from what is written, so that nothing is unified in silence.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

UNKNOWN = ("", "nan", "na", "n/a", "<na>", "none", "null")  # in lower case
WHOLE = re.compile(r"([+-]?\d+)\.0+")  # the whole number of 3.0
SHOWN = 3  # examples in one sentence


def strip(text: str) -> str:
    r"""Return a name without blanks and invisible marks around it, its accents in composed form.

    >>> strip(" walk\t"), strip("\ufeffs01")
    ('walk', 's01')
    """
    # macOS writes é as two characters, others as one: they are the same name.
    return unicodedata.normalize("NFC", text).strip().strip("\ufeff\u200b").strip()


def class_names(texts: Sequence[str | None]) -> list[str | None]:
    """Return the class that each text names, None if it is unknown.

    Empty texts and NaN, NA, N/A, None and null, in capitals or not, are unknown. If a column holds
    both `1` and `1.0`, both are class `1`.
    """
    meaning = _meanings(texts)
    return [meaning[text] for text in texts]


def labels_of(
    texts: Sequence[str | None], order: Callable[[str], Any] | None = None
) -> tuple[tuple[str, ...], Int64[Tensor, " N"]]:
    """Return the sorted class names, and the class number of each text, -1 if it is unknown.

    >>> labels_of(["walk", "sit", "walk ", "NaN"])
    (('sit', 'walk'), tensor([ 1,  0,  1, -1]))

    Args:
        texts: a class for each item, as `class_names` reads it.
        order: sort key of the class names; None: by their characters.
    """
    meaning = _meanings(texts)
    classes = tuple(sorted({name for name in meaning.values() if name is not None}, key=order))
    number: dict[str | None, int] = {name: i for i, name in enumerate(classes)}
    of_text = {text: number.get(name, -1) for text, name in meaning.items()}
    return classes, torch.tensor([of_text[text] for text in texts], dtype=torch.int64)


def changes(texts: Sequence[str | None]) -> tuple[str, ...]:
    """Return a sentence for each way in which `class_names` reads texts differently than written.

    >>> changes(["walk", "walk ", "NaN", ""])
    ("2 labels are unknown: 1 'NaN', 1 empty", "blanks are taken off 1 label: 'walk ' is 'walk'")
    """
    counts, meaning = Counter(texts), _meanings(texts)
    bare = {text: strip(text) for text in counts if text is not None}
    unknown = Counter[str]()
    for text, count in counts.items():
        if meaning[text] is None:
            unknown[repr(bare[text]) if text and bare[text] else "empty"] += count
    blank = {t: meaning[t] for t, name in bare.items() if t != name and meaning[t] is not None}
    whole = {name: meaning[t] for t, name in bare.items() if meaning[t] not in (None, name)}
    sentences = []
    if unknown:
        kinds = ", ".join(f"{count} {kind}" for kind, count in unknown.most_common())
        verb = "is" if unknown.total() == 1 else "are"
        sentences.append(f"{_labels(unknown.total())} {verb} unknown: {kinds}")
    if blank:
        number = sum(counts[text] for text in blank)
        sentences.append(f"blanks are taken off {_labels(number)}: {_examples(blank.items())}")
    if whole:
        sentences.append(f"classes that are the same number are one: {_examples(whole.items())}")
    return tuple(sentences)


def _meanings(texts: Iterable[str | None]) -> dict[str | None, str | None]:
    """Return the class of each distinct text, None if it is unknown."""
    bare = {text: strip(text) for text in set(texts) if text is not None}
    held = set(bare.values())
    meaning: dict[str | None, str | None] = {None: None}
    for text, name in bare.items():
        whole = WHOLE.fullmatch(name)
        # Only if the column has the whole number, too: 1.0 alone may be the name of a version.
        same = whole[1] if whole and whole[1] in held else name
        meaning[text] = None if name.lower() in UNKNOWN else same
    return meaning


def _labels(count: int) -> str:
    return f"{count} label{'' if count == 1 else 's'}"


def _examples(pairs: Iterable[tuple[str, str | None]]) -> str:
    """Return the first pairs as "'walk ' is 'walk'"."""
    parts = [f"{text!r} is {name!r}" for text, name in sorted(pairs, key=lambda pair: pair[0])]
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return ", ".join(parts[:SHOWN]) + more
