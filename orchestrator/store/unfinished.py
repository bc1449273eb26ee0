"""What there is still to do, as the rows say."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.store.clock import now
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    RunStatus,
)


@dataclass(frozen=True, slots=True)
class UnfinishedAttempt:
    """An attempt that is not over, and the worker that makes it, if one does."""

    id: str
    run_id: str
    subtask: int | None
    worker: str | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Runs that were changed since they were advanced, by their version; attempts; and runs whose
    time is up without anybody being asked about it."""

    behind: dict[str, int]
    attempts: list[UnfinishedAttempt]
    overdue: list[str]


async def look_around(session: AsyncSession) -> Unfinished:
    """Everything that there is to do in all runs."""
    is_behind = col(Run.advanced_version) < col(Run.version)
    behind = await session.exec(select(Run.id, Run.version).where(is_behind))
    attempts = await session.exec(
        select(Attempt.id, Attempt.run_id, Attempt.subtask, Attempt.worker).where(
            Attempt.status != AttemptStatus.FINISHED
        )
    )
    is_asked = select(Request.run_id).where(
        Request.status == RequestStatus.OPEN, Request.kind == RequestKind.BUDGET
    )
    overdue = await session.exec(
        select(Run.id).where(
            col(Run.deadline) < now(),
            Run.status == RunStatus.RUNNING,
            col(Run.id).not_in(is_asked),
        )
    )
    return Unfinished(
        dict(behind.all()), [UnfinishedAttempt(*row) for row in attempts], list(overdue.all())
    )
