"""The clock: what is due without anybody doing anything. Jobs only write rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from orchestrator import deadlines
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import now

_EVENTS_KEPT = timedelta(days=7)


def start(
    orchestrator: Orchestrator, approval_days: int, wake: Callable[[], None]
) -> AsyncIOScheduler:
    """Start the recurring jobs; `shutdown` the result at the end."""
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True})
    database = orchestrator.database

    async def expire() -> None:
        before = now() - timedelta(days=approval_days)
        if await database.write(partial(deadlines.expire, asked_before=before)):
            wake()

    async def forget() -> None:
        before = now() - _EVENTS_KEPT
        await database.write(partial(deadlines.forget_events, taken_before=before))

    scheduler.add_job(expire, "interval", minutes=10, id="expire", next_run_time=now())
    scheduler.add_job(forget, "interval", hours=6, id="forget", next_run_time=now())
    scheduler.start()
    return scheduler
