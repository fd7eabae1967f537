"""The optimizers LARS and LARC, which torch lacks, and learning rate schedules."""

from manyviews.optim.lars import LARC, LARS
from manyviews.optim.schedules import Schedule, WarmupCosine

__all__ = ["LARC", "LARS", "Schedule", "WarmupCosine"]
