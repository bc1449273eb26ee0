"""The queue port: two kinds of short, idempotent jobs, keyed by id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

Handler = Callable[[str], Awaitable[None]]
Priority = tuple[float, ...]

# What a run does itself: planning, reviews, its answer.
OWN: Priority = ()
# A subtask whose rank is not known; those that are have negative ones.
LAST: Priority = (0.0,)


class Queue(Protocol):
    """Runs `advance(run)` and `attempt(attempt)` jobs.

    A key that is waiting is not taken a second time. `advance` runs one at a time per run;
    asked for while it runs, it runs once more. Attempts share the places there are: within a
    run by priority (lowest first), between runs so that none is held up by another.
    """

    def advance(self, run_id: str) -> None:
        """See to it that the run is looked at soon."""
        ...

    def attempt(self, attempt_id: str, run_id: str, priority: Priority = LAST) -> None:
        """See to it that the attempt is made when a place is free."""
        ...

    def cancel(self, run_id: str) -> None:
        """Break off the run's attempts that are made here, and forget the waiting ones."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take nothing more up; wait `grace_s` seconds for what runs, then break it off."""
        ...
