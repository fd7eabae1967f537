"""The config of a command: composed from files and the command line, and checked."""

from manyviews.config.cells import cells, compose_cells, corners, space
from manyviews.config.compose import compose
from manyviews.config.overrides import (
    as_text,
    by_data,
    check_each_key_is_typed_once,
    parsed,
    quoted,
)
from manyviews.config.several import Axis

__all__ = [
    "Axis",
    "as_text",
    "by_data",
    "cells",
    "check_each_key_is_typed_once",
    "compose",
    "compose_cells",
    "corners",
    "parsed",
    "quoted",
    "space",
]
