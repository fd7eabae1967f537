"""What a sweep asks of whatever runs its trials: processes here, or the jobs of a scheduler."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from manyviews.sweeps.attempts import Ended
from manyviews.sweeps.plan import Trial


class End(NamedTuple):
    """How the work on a trial ended.

    Attributes:
        code: exit code of the trial's process; minus the number of the signal that ended it; None
            if nobody knows it.
        state: how a job ended that lost its process; None if the exit code tells it.
        reason: what the scheduler says of such a job.
        seconds: how long the process worked; None: since it was begun.
    """

    code: int | None
    state: Ended | None = None
    reason: str = ""
    seconds: float | None = None


@runtime_checkable  # the tests execute annotations
class Launcher(Protocol):
    """Begins and ends the work on trials.

    Attributes:
        pause: seconds between two looks at the work, at least.
    """

    pause: float

    def start(self, trial: Trial, slot: int) -> str | None:
        """Begin a trial, or take over what an earlier controller began.

        Args:
            trial: the trial.
            slot: its place among those that run at the same time.

        Returns:
            What works on it already, as "is still running"; None if it was begun now.
        """
        ...

    def is_at_work(self, trial: Trial) -> bool:
        """Return True if something that an earlier controller began works on the trial."""
        ...

    def end(self, trial: Trial) -> End | None:
        """Return how a trial ended that was begun or taken over; None while it works."""
        ...

    def tell(self, trial: Trial) -> None:
        """Tell a trial to save and end."""
        ...

    def kill(self, trial: Trial) -> None:
        """End a trial that did not listen."""
        ...

    def abandon(self, trial: Trial) -> None:
        """Let go of a trial because the controller ends by an error."""
        ...
