"""A composition in which keys that a user has to give may be missing."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.errors import HydraException

from manyviews import config
from manyviews.commands.config.layers import layers
from manyviews.errors import ConfigError
from manyviews.schema import Config

MISSING = "???"  # how Hydra writes the value of such a key


def compose(
    overrides: Sequence[str], config_dir: str | None = None
) -> tuple[Config, dict[str, str]]:
    """Return what `config.compose` returns, with the text "VALUE" for keys that are missing.

    Args:
        overrides: as on the command line.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake, or a missing key that is no text.
    """
    try:
        return config.compose("pretrain", overrides, config_dir)
    except ConfigError as error:
        try:
            given = [f"{key}=VALUE" for key in _missing(overrides, config_dir)]
            return config.compose("pretrain", [*overrides, *given], config_dir)
        except (ConfigError, HydraException):
            raise error from None  # not about missing keys, or not to be filled in


def _missing(overrides: Sequence[str], config_dir: str | None) -> list[str]:
    """Return the keys whose last value is `MISSING`."""
    last: dict[str, str] = {}
    for layer in layers(overrides, {}, config_dir):
        last |= {key: written.value for key, written in layer.keys.items()}
    return [key for key, value in last.items() if value == MISSING]
