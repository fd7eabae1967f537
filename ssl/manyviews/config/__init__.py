"""The config of a command: composed from files and the command line, and checked."""

from manyviews.config.compose import compose

__all__ = ["compose"]
