"""Backbones by name."""

from manyviews.backbones.registry import Backbone, available, build

__all__ = ["Backbone", "available", "build"]
