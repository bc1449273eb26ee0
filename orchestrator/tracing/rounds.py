"""What a run did until it was over, read from its rows.

A run whose answer is redone goes on and is over again: each time is a round of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import load_only
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.events import Event, EventKind
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    EventRow,
    Outcome,
    Run,
    RunStatus,
    SubtaskRow,
    SubtaskStatus,
)

ENDS = {
    EventKind.RUN_COMPLETED: RunStatus.COMPLETED,
    EventKind.RUN_STOPPED: RunStatus.STOPPED,
    EventKind.RUN_EXPIRED: RunStatus.EXPIRED,
    EventKind.PLAN_REJECTED: RunStatus.REJECTED,
}
# What is read of attempts.
_READ = (
    Attempt.run_id,
    Attempt.subtask,
    Attempt.purpose,
    Attempt.number,
    Attempt.role,
    Attempt.outcome,
    Attempt.queued_at,
    Attempt.started_at,
    Attempt.finished_at,
)
# Whoever was at these did not see their end.
BROKEN_OFF = frozenset({Outcome.INTERRUPTED, Outcome.CANCELLED})


@dataclass(frozen=True, slots=True)
class Round:
    """What a run did until it was over. `answer` is empty where there is none."""

    run: Run
    number: int
    status: RunStatus
    ended_at: datetime
    attempts: Sequence[Attempt]
    subtasks: Mapping[int, SubtaskStatus]
    answer: str

    @property
    def began_at(self) -> datetime:
        """When it was asked for, or when it was taken up again."""
        if not self.number:
            return self.run.created_at
        return min((attempt.queued_at for attempt in self.attempts), default=self.ended_at)


async def ended_with(session: AsyncSession, event: Event) -> Round | None:
    """The round that `event` ended, one of ENDS; None where the run no longer exists."""
    run = await session.get(Run, event.run_id)
    if run is None:
        return None
    number, ids = await _place(session, event)
    rows = await session.exec(select(SubtaskRow).where(SubtaskRow.run_id == run.id))
    answer = await session.exec(select(Attempt.output).where(Attempt.id == event.attempt_id))
    return Round(
        run,
        number,
        ENDS[event.kind],
        event.at,
        await _attempts(session, run.id, ids),
        {row.number: row.status for row in rows},
        answer.first() or "",
    )


async def _place(session: AsyncSession, event: Event) -> tuple[int, set[str | None]]:
    """How often the run was over before, and the attempts that were started since."""
    number, ids = 0, set[str | None]()
    query = select(EventRow.kind, EventRow.attempt_id).where(
        EventRow.run_id == event.run_id,
        col(EventRow.kind).in_((EventKind.ATTEMPT_STARTED, EventKind.RUN_COMPLETED)),
    )
    for kind, attempt_id in await session.exec(query.order_by(col(EventRow.id))):
        if kind == EventKind.ATTEMPT_STARTED:
            ids.add(attempt_id)
        elif event.kind is EventKind.RUN_COMPLETED and attempt_id == event.attempt_id:
            break
        else:
            number, ids = number + 1, set()
    return number, ids


async def _attempts(session: AsyncSession, run_id: str, ids: set[str | None]) -> list[Attempt]:
    """Those of the attempts that are over, in the order they were started; in part."""
    is_over = Attempt.status == AttemptStatus.FINISHED
    query = select(Attempt).where(Attempt.run_id == run_id, is_over).order_by(col(Attempt.id))
    loaded = await session.exec(query.options(load_only(*_READ)))  # type: ignore[arg-type]
    return [attempt for attempt in loaded if attempt.id in ids]
