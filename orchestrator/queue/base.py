"""The queue port: two kinds of short, idempotent jobs, keyed by id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

Handler = Callable[[str], Awaitable[None]]
Priority = tuple[float, ...]

# What a run does itself: planning, reviews, its answer.
OWN: Priority = ()
# A subtask whose rank is not known; those that are have negative ones.
LAST: Priority = (0.0,)

# What a run does itself is short of nothing but a place, and a person waits for it: for that
# there is one place more for every so many.
_PLACES_FOR_ONE_MORE = 5


def extra_places(concurrency: int) -> int:
    """The places more that there are for what runs do themselves."""
    return max(1, concurrency // _PLACES_FOR_ONE_MORE)


class Waker(Protocol):
    """Tells whoever works that there is something to do."""

    def advance(self, run_id: str) -> None:
        """See to it that the run is looked at soon."""
        ...

    async def close(self) -> None:
        """Tell what is still to be told, then let go of it."""
        ...


class Queue(Protocol):
    """Runs `advance(run)` and `attempt(attempt)` jobs.

    A key that is waiting is not taken a second time. `advance` runs one at a time per run;
    asked for while it runs, it runs once more. Attempts share the places there are: within a
    run by priority (lowest first), between runs so that none is held up by another.
    """

    async def start(self) -> None:
        """Begin to take jobs up."""
        ...

    def advance(self, run_id: str) -> None:
        """See to it that the run is looked at soon."""
        ...

    def attempt(
        self,
        attempt_id: str,
        run_id: str,
        priority: Priority = LAST,
        *,
        place: int = 0,
    ) -> None:
        """See to it that the attempt is made when a place is free. `place` is how many of the
        run's attempts under way come before it."""
        ...

    def knows(self, attempt_id: str) -> bool:
        """Whether the attempt waits or runs in this process."""
        ...

    @property
    def running(self) -> frozenset[str]:
        """The attempts that run in this process."""
        ...

    @property
    def room(self) -> int:
        """Places of this process that are free, and that nobody else can take."""
        ...

    async def rescue(self) -> None:
        """Clear away what processes have left that are gone."""
        ...

    async def missing(self, runs: Collection[str], attempts: Collection[str]) -> frozenset[str]:
        """Those of the runs and attempts that no job waits for, here or anywhere."""
        ...

    def cancel(self, run_id: str) -> None:
        """Break off the run's attempts that are made here, and forget the waiting ones."""
        ...

    def cancel_attempt(self, attempt_id: str) -> None:
        """Break off one attempt that runs here."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take nothing more up; wait `grace_s` seconds for what runs, then break it off."""
        ...
