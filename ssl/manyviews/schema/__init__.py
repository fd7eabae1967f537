"""The check of a config before anything is built: what it may name, and which values fit."""

from manyviews.schema.check import Arguments, arguments, check
from manyviews.schema.keys import SCHEMAS, Config
from manyviews.schema.targets import locate

__all__ = ["SCHEMAS", "Arguments", "Config", "arguments", "check", "locate"]
