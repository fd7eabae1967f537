"""Clean inputs for a backbone that was trained on other data, or that expects inputs of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyviews.datamodules.module import ViewData
from manyviews.datamodules.preprocessing import Preprocessing
from manyviews.errors import ConfigError

Asked = Mapping[str, Any]  # the keys of `preprocessing` in conf/evaluate.yaml; null keeps the own


def of_data(data: ViewData[Any, Any]) -> Preprocessing:
    """Return what a backbone expects that was trained on these data."""
    splits = data.splits
    return Preprocessing(tuple(splits.size), tuple(splits.mean), tuple(splits.std))


def resolved(
    expected: Preprocessing | None, data: ViewData[Any, Any], asked: Asked, *, adapts: bool = False
) -> Preprocessing | None:
    """Return what becomes of clean inputs; None if the data stay as they are.

    Args:
        expected: what the backbone expects; None: the data as they are.
        data: the data.
        asked: what the user wants instead; null keeps it.
        adapts: True if the backbone is built for the number of channels of the data.

    Raises:
        ConfigError: the data have another number of channels than the backbone.
    """
    wanted = {key: value for key, value in asked.items() if value is not None}
    if expected is None and not wanted:
        return None
    made = expected or of_data(data)
    if data.reads == "series":
        made = made._replace(size=tuple(data.splits.size))
    if made.channels != data.splits.channels:
        made = _with_channels(made, data, adapts, wanted.get("grey_as_colour", False))
    if "size" in wanted:
        wanted["size"] = (wanted["size"],) * len(made.size)
    for key in ("mean", "std"):
        if key in wanted:
            wanted[key] = tuple(wanted[key])
            if len(wanted[key]) != made.channels:
                raise ConfigError(
                    f"preprocessing.{key} has {len(wanted[key])} numbers; the backbone reads "
                    f"{made.channels} channels"
                )
    wanted.pop("grey_as_colour", None)
    return made._replace(**wanted)


def _with_channels(
    expected: Preprocessing, data: ViewData[Any, Any], adapts: bool, grey_as_colour: bool
) -> Preprocessing:
    """Return what is expected, for data with another number of channels."""
    found = data.splits.channels
    if found == 1 and expected.channels == 3 and grey_as_colour:
        return expected._replace(grey_as_colour=True)
    if adapts:  # the first layer is built for the data; all channels have the mean statistics
        return expected._replace(
            mean=(sum(expected.mean) / expected.channels,) * found,
            std=(sum(expected.std) / expected.channels,) * found,
        )
    hint = "choose other data"
    if data.reads == "images":
        hint = "type preprocessing.grey_as_colour=true" if found == 1 else "type data.channels=1"
    raise ConfigError(
        f"data={data.splits.name} has {found} channel{'s' * (found != 1)}, the backbone reads "
        f"{expected.channels}; {hint}"
    )
