"""Optimizers that torch lacks, and schedules as pure functions of the step."""

from manyviews.optim.lars import LARC, LARS
from manyviews.optim.schedules import Schedule, WarmupCosine

__all__ = ["LARC", "LARS", "Schedule", "WarmupCosine"]
