"""Sentences about what was done to images while they were read, with the numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from jaxtyping import Bool
from numpy import ndarray

from manyviews.datamodules.images.split_names import listed

SENTENCES = {  # after the number of images
    "deep": "of 16 bits: 0 to {white} in the file is 0 to 255 here",
    "float": "of floating point numbers: 0 to {white} in the file is 0 to 255 here",
    "upper8": "of 16 bits with transparency: the upper 8 bits are read",
    "alpha": "with transparency: put on white",
    "transparent": "wholly transparent: their colours are read all the same",
    "white_on_white": "white on transparent: blank on white; save them on another background",
    "cmyk": "in CMYK: converted to RGB without a colour profile",
    "lab": "in LAB: converted to sRGB",
    "bands": "of {most} bands: the first 3 are read",
    "frames": "of several frames, pages or layers (up to {most}): the first is read",
}


def reading_notes(done: Iterable[str], white: int | None) -> tuple[str, ...]:
    """Return a sentence for each thing that was done to images.

    >>> reading_notes(["deep", "", "deep alpha"], 4095)[0]
    '2 images of 16 bits: 0 to 4095 in the file is 0 to 255 here'

    Args:
        done: for each image words of `Decoded.done`, separated by blanks.
        white: value of more than 8 bits that becomes 255.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for words in done:
        for word in words.split():
            kind, _, number = word.partition(":")
            numbers[kind].append(int(number or 0))
    return tuple(
        f"{len(found)} image{'' if len(found) == 1 else 's'} "
        + SENTENCES[kind].format(white=white, most=max(found))
        for kind, found in sorted(numbers.items(), key=lambda item: [*SENTENCES].index(item[0]))
    )


def lost_colour(colour: Bool[ndarray, " N"], channels: int) -> tuple[str, ...]:
    """Return a sentence about colour images that are read as grey."""
    count = int(colour.sum()) if channels == 1 else 0
    return (f"{count} colour images are read as grey (data.channels=1)",) if count else ()


def unlearnt_classes(named: Iterable[str | None], classes: Collection[str]) -> tuple[str, ...]:
    """Return a sentence about validation images of classes that training lacks.

    Args:
        named: class of each validation image, None if unknown.
        classes: the classes of the training images.
    """
    strange = [name for name in named if name is not None and name not in classes]
    if not strange:
        return ()
    return (
        f"{len(strange)} validation images count as unlabelled, because training lacks their "
        f"classes: {listed(sorted({*strange}))}",
    )
