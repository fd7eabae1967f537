"""Learning rate schedules: pure functions of the step, so that a resumed run needs no state."""

from __future__ import annotations

import math
from typing import Literal, Protocol, runtime_checkable

from manyviews.ranges import NotNegative, Number, within_ranges

Reach = Literal["last_warmup_step", "first_cosine_step"]


@runtime_checkable
class Schedule(Protocol):
    """A function from the optimizer step to a factor on the base learning rate."""

    def __call__(self, step: int, *, total_steps: int, steps_per_epoch: float) -> float:
        """Return the factor at `step`, which runs from 0 to total_steps - 1."""
        ...


class WarmupCosine:
    """A linear warm-up from `start` to 1, then half a cosine from 1 to `final`.

    Args:
        warmup_epochs: length of the warm-up in epochs, for example 10 or 0.5.
        start: factor at step 0; 0.0625 (0.3 / 4.8) in SwAV, 0 in Barlow Twins.
        final: factor that the cosine reaches after the last step; 0.001 in both papers' code.
        reach: the step at which the factor is 1 for the first time: "last_warmup_step" as in SwAV's
            code, where the next step has it again, or "first_cosine_step" as in Barlow Twins' code.
    """

    @within_ranges
    def __init__(
        self,
        warmup_epochs: NotNegative,
        start: Number = 0.0,
        final: Number = 0.001,
        reach: Reach = "first_cosine_step",
    ) -> None:
        self.warmup_epochs, self.start, self.final, self.reach = warmup_epochs, start, final, reach

    def __call__(self, step: int, *, total_steps: int, steps_per_epoch: float) -> float:
        """Return the factor at `step`, which runs from 0 to total_steps - 1."""
        # In steps; a short run may end within the warm-up.
        warmup = min(round(self.warmup_epochs * steps_per_epoch), total_steps)
        if step < warmup:
            # warmup - 1 makes the last step of the warm-up the first with factor 1.
            ramp = max(warmup - 1, 1) if self.reach == "last_warmup_step" else warmup
            return self.start + (1 - self.start) * step / ramp
        progress = (step - warmup) / max(total_steps - warmup, 1)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))
