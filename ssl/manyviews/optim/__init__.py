"""Schedules as pure functions of the step."""

from manyviews.optim.schedules import Schedule, WarmupCosine

__all__ = ["Schedule", "WarmupCosine"]
