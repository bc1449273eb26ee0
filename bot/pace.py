"""How often a workspace may be asked for the same thing."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class Pace:
    """Gives out turns at a steady rate, the most urgent first, then who waits longest.

    `burst` turns may be taken at once after a quiet time, `per_minute` come in a minute.
    """

    def __init__(
        self, per_minute: float, burst: int = 5, clock: Callable[[], float] | None = None
    ) -> None:
        self._interval = 60.0 / per_minute
        self._burst = burst
        self._clock = clock or asyncio.get_running_loop().time
        self._credit = float(burst)
        self._counted_at = self._clock()
        self._blocked_until = 0.0
        self._order = itertools.count()
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> bool:
        """Take a turn that is free and that nobody waits for; whether there was one."""
        self._count()
        if self._waiting or self._credit < 1 or self._clock() < self._blocked_until:
            return False
        self._credit -= 1
        return True

    def give_back(self) -> None:
        """The turn was not needed: it is for who waits next."""
        self._credit += 1
        self._serve()

    def close(self) -> None:
        """Send away whoever waits: their `turn` is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        for *_, waiting in self._waiting:
            waiting.cancel()
        self._waiting.clear()

    async def turn(self, *, urgent: bool = False) -> None:
        """Wait for a turn."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not urgent, next(self._order), waiting))
        self._serve()
        await waiting

    def pause(self, seconds: float) -> None:
        """Give out no turn for `seconds`: we were told that we are too fast."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)
        # After the pause one turn, then the steady rate: what was saved up is void.
        self._credit = 1.0
        self._counted_at = self._blocked_until

    def wait_s(self) -> float:
        """Return the seconds until there is a turn, if nobody else takes it."""
        self._count()
        paused = self._blocked_until - self._clock()
        ahead = sum(not waiting.done() for *_, waiting in self._waiting)
        lacking = (ahead + 1 - self._credit) * self._interval
        return max(0.0, paused) + max(0.0, lacking)

    def _serve(self) -> None:
        self._count()
        while self._waiting and self._credit >= 1 and self._clock() >= self._blocked_until:
            *_, waiting = heapq.heappop(self._waiting)
            if not waiting.done():
                self._credit -= 1
                waiting.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            delay = max(self._blocked_until - self._clock(), (1 - self._credit) * self._interval)
            self._timer = asyncio.get_running_loop().call_later(max(delay, 0.001), self._serve)

    def _count(self) -> None:
        now = max(self._clock(), self._counted_at)
        self._credit = min(self._burst, self._credit + (now - self._counted_at) / self._interval)
        self._counted_at = now
