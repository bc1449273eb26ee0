"""The queue inside one process: asyncio, no wire, no polling."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Collection
from functools import partial

import structlog

from orchestrator.queue.base import LAST, OWN, Handler, Priority, extra_places

log = structlog.get_logger(__name__)


class LocalQueue:
    """Runs jobs as tasks of the running event loop. Nothing in it outlives the process.

    What runs do themselves has a few places of its own where every other is taken.
    """

    def __init__(self, advance: Handler, attempt: Handler, concurrency: int) -> None:
        self._on_advance = advance
        self._on_attempt = attempt
        self._concurrency = concurrency
        self._extra = extra_places(concurrency)
        self._advancing: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._waiting: dict[str, list[tuple[Priority, int, str]]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._in_extra: set[str] = set()
        self._run_of: dict[str, str] = {}
        self._places: Counter[str] = Counter()
        self._served: dict[str, int] = {}
        self._begun: Counter[str] = Counter()
        self._ticket = itertools.count()
        self._stopping = False

    async def start(self) -> None:
        """Jobs are taken up as they come."""

    def advance(self, run_id: str) -> None:
        if self._stopping:
            return
        if run_id in self._advancing:
            self._again.add(run_id)
            return
        self._advancing[run_id] = asyncio.create_task(self._advance(run_id))

    async def _advance(self, run_id: str) -> None:
        try:
            await self._on_advance(run_id)
        except Exception:
            # The sweep finds the run again: it is still behind.
            log.exception("advance_failed", run=run_id)
            self._again.discard(run_id)
        finally:
            del self._advancing[run_id]
            if run_id in self._again:
                self._again.discard(run_id)
                self.advance(run_id)

    def attempt(
        self,
        attempt_id: str,
        run_id: str,
        priority: Priority = LAST,
        *,
        place: int = 0,
    ) -> None:
        if self._stopping or attempt_id in self._run_of:
            return
        self._run_of[attempt_id] = run_id
        job = (priority, next(self._ticket), attempt_id)
        heapq.heappush(self._waiting.setdefault(run_id, []), job)
        self._served.setdefault(run_id, next(self._ticket))
        self._fill()

    def knows(self, attempt_id: str) -> bool:
        """Whether the attempt waits or runs here."""
        return attempt_id in self._run_of

    @property
    def running(self) -> frozenset[str]:
        """The attempts that run here."""
        return frozenset(self._running)

    @property
    def room(self) -> int:
        """Places that are free and wanted by nobody."""
        taken = sum(
            not task.done() for id_, task in self._running.items() if id_ not in self._in_extra
        )
        return 0 if self._waiting else self._concurrency - taken

    async def rescue(self) -> None:
        """Nothing is left by a process that is gone."""

    async def missing(self, runs: Collection[str], attempts: Collection[str]) -> frozenset[str]:
        return frozenset([*runs, *(id_ for id_ in attempts if id_ not in self._run_of)])

    def _fill(self) -> None:
        """Give free places to the run that comes first."""
        while self._waiting and not self._stopping:
            is_free = len(self._running) - len(self._in_extra) < self._concurrency
            candidates = self._waiting if is_free else self._with_own_work()
            if not candidates:
                return
            self._begin(min(candidates, key=self._turn), is_extra=not is_free)

    def _with_own_work(self) -> list[str]:
        """The runs that may have one of the extra places."""
        if len(self._in_extra) >= self._extra:
            return []
        return [run_id for run_id, jobs in self._waiting.items() if jobs[0][0] == OWN]

    def _begin(self, run_id: str, *, is_extra: bool) -> None:
        jobs = self._waiting[run_id]
        _, _, attempt_id = heapq.heappop(jobs)
        if not jobs:
            del self._waiting[run_id]
        if is_extra:
            self._in_extra.add(attempt_id)
        self._places[run_id] += 1
        self._begun[run_id] += 1
        self._served[run_id] = next(self._ticket)
        task = asyncio.create_task(self._attempt(attempt_id, run_id))
        self._running[attempt_id] = task
        # Not in the task itself, which does nothing when it is cancelled before it begins.
        task.add_done_callback(partial(self._release, attempt_id, run_id))

    def _turn(self, run_id: str) -> tuple[bool, int, int]:
        """The first attempts of a run, as many as there are places, and what it does itself
        (planning, its answer) go before the rest of longer runs; then comes who has the fewest
        places, then who has waited longest."""
        priority, _, _ = self._waiting[run_id][0]
        is_later = priority != OWN and self._begun[run_id] >= self._concurrency
        return is_later, self._places[run_id], self._served[run_id]

    async def _attempt(self, attempt_id: str, run_id: str) -> None:
        try:
            await self._on_attempt(attempt_id)
        except Exception:
            log.exception("attempt_failed", run=run_id, attempt=attempt_id)

    def _release(self, attempt_id: str, run_id: str, _: asyncio.Task[None]) -> None:
        del self._running[attempt_id]
        self._in_extra.discard(attempt_id)
        del self._run_of[attempt_id]
        self._places[run_id] -= 1
        if not self._places[run_id] and run_id not in self._waiting:
            del self._places[run_id]
            del self._served[run_id]
            del self._begun[run_id]
        self._fill()

    def cancel(self, run_id: str) -> None:
        for _, _, attempt_id in self._waiting.pop(run_id, []):
            del self._run_of[attempt_id]
        for attempt_id, task in self._running.items():
            if self._run_of[attempt_id] == run_id:
                task.cancel()

    def cancel_attempt(self, attempt_id: str) -> None:
        """Break off one attempt that runs here."""
        if attempt_id in self._running:
            self._running[attempt_id].cancel()

    async def stop(self, grace_s: float) -> None:
        self._stopping = True
        tasks = [*self._running.values(), *self._advancing.values()]
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=grace_s)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
