"""This process among others at the same work: it shows that it lives, and knows who leads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from time import monotonic

import structlog

from orchestrator.store import workers
from orchestrator.store.database import Database

log = structlog.get_logger(__name__)

_BEATS_TO_BE_GONE = 4
# A beat that came so many times later than it should says that something stood still.
_LATE = 2.5


def gone_after_s(beat_s: float) -> float:
    """Seconds without a sign of life after which a process is taken to be dead."""
    return beat_s * _BEATS_TO_BE_GONE


class Presence:
    """Shows every `beat_s` seconds, in the table of processes, that this one is alive.

    One of all processes leads: it does what needs to be done once for everybody.
    """

    def __init__(
        self, database: Database, worker: str, kind: str, version: str, beat_s: float
    ) -> None:
        self.gone_after_s = gone_after_s(beat_s)
        self._database = database
        self._worker = worker
        self._beat = partial(workers.beat, worker=worker, kind=kind, version=version)
        self._beat_s = beat_s
        self._beaten_at = monotonic()
        self._steady_since = monotonic()
        self._beating: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Be there from now on."""
        await self._database.write(self._beat)
        self._steady_since = self._beaten_at = monotonic()
        self._beating = asyncio.create_task(self._beat_forever())

    async def end(self) -> None:
        """Be there no more."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self._database.write(partial(workers.leave, worker=self._worker))

    async def renew(self) -> None:
        """Show it now where that is overdue: this process may have been taken for dead."""
        if monotonic() - self._beaten_at > self._beat_s * _LATE:
            await self._show()

    async def leads(self) -> bool:
        """Whether this process is the one that does what is done once."""
        return await self._has("sweep")

    async def takes_over(self) -> bool:
        """Whether this process is the one that ends what dead ones were at.

        Not the one that leads: that may have begun just now, and nobody has been seen by it yet.
        """
        return self.is_steady and await self._has("takeover")

    async def _has(self, key: str) -> bool:
        take = partial(workers.take, key=key, holder=self._worker, for_s=self._beat_s * _LATE)
        return await self._database.write(take)

    @property
    def is_steady(self) -> bool:
        """Whether nothing stood still here for as long as it takes to be taken for dead.

        After the database was away, or this process, nobody else has been seen either.
        """
        return monotonic() - self._steady_since > self.gone_after_s

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            try:
                await self._show()
            except Exception:
                log.exception("beat_failed")

    async def _show(self) -> None:
        await self._database.write(self._beat)
        if monotonic() - self._beaten_at > self._beat_s * _LATE:
            self._steady_since = monotonic()
        self._beaten_at = monotonic()


class Leases:
    """What this process alone does for a while, by keys. On SQLite there is no other."""

    def __init__(self, database: Database, holder: str, for_s: float) -> None:
        self._database = database
        self._holder = holder
        self._for_s = for_s
        self._until: dict[str, float] = {}

    async def hold(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of the keys that are this process's now: they were free, or its own already."""
        wanted = frozenset(keys)
        if self._database.is_sqlite:
            return wanted
        soon = monotonic() + self._for_s / 2
        due = sorted(key for key in wanted if self._until.get(key, 0.0) < soon)
        if due:
            await self._take(due)
        return frozenset(filter(self.holds, wanted))

    def holds(self, key: str) -> bool:
        """Whether the key is this process's at this moment."""
        return self._database.is_sqlite or monotonic() < self._until.get(key, 0.0)

    async def _take(self, keys: list[str]) -> None:
        # Counted from before: nobody else takes it while it is thought to be held here.
        until = monotonic() + self._for_s
        work = partial(workers.take_all, keys=keys, holder=self._holder, for_s=self._for_s)
        self._until |= dict.fromkeys(await self._database.write(work), until)

    async def close(self) -> None:
        """Let others have them."""
        self._until.clear()
        if not self._database.is_sqlite:
            await self._database.write(partial(workers.release, holder=self._holder))
