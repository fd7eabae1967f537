"""Backbones by name."""

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.registry import available, build

__all__ = ["Backbone", "available", "build"]
