"""What time does to runs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.events import Event, EventKind
from orchestrator.record import BUDGET_OPTIONS
from orchestrator.store import changes
from orchestrator.store.tables import (
    ProcessedEvent,
    Request,
    RequestKind,
    RequestStatus,
    RunStatus,
    now,
    row,
)

processed: sa.Table = ProcessedEvent.__table__  # type: ignore[attr-defined]


def expire(connection: Connection, asked_before: datetime) -> int:
    """End the runs whose plan nobody approved or wrote since `asked_before`; how many."""
    request, run = changes.request, changes.run
    asked = sa.select(request.c.run_id).where(
        request.c.status == RequestStatus.OPEN,
        request.c.kind.in_((RequestKind.APPROVAL, RequestKind.BREAKDOWN)),
        request.c.created_at < asked_before,
    )
    expired = list(
        connection.execute(
            sa.update(run)
            .where(run.c.id.in_(asked), run.c.status.in_((RunStatus.PROPOSED, RunStatus.PLANNING)))
            .values(
                status=RunStatus.EXPIRED,
                finished_at=now(),
                commands=run.c.commands + 1,
                version=run.c.version + 1,
                updated_at=now(),
            )
            .returning(run.c.id)
        ).scalars()
    )
    for run_id in expired:
        changes.close_requests(connection, run_id)
    return len(expired)


def hold(connection: Connection, run_id: str, sentence: str) -> list[Event]:
    """Ask for more time or money for a run at work, unless that is asked already."""
    run, request = changes.run, changes.request
    is_asked = sa.select(request.c.id).where(
        request.c.run_id == run_id,
        request.c.kind == RequestKind.BUDGET,
        request.c.status == RequestStatus.OPEN,
    )
    is_at_work = run.c.status.in_((RunStatus.PLANNING, RunStatus.RUNNING, RunStatus.SYNTHESIZING))
    held = connection.execute(
        sa.update(run)
        .where(run.c.id == run_id, is_at_work, ~is_asked.exists())
        .values(commands=run.c.commands + 1, version=run.c.version + 1, updated_at=now())
    )
    if held.rowcount != 1:
        return []
    asked = Request(
        run_id=run_id, kind=RequestKind.BUDGET, text=sentence, options=list(BUDGET_OPTIONS)
    )
    connection.execute(sa.insert(request), [row(asked)])
    event = Event(EventKind.RUN_PAUSED, run_id, data={"reason": "budget"})
    changes.add_events(connection, [event])
    return [event]


def forget_events(connection: Connection, taken_before: datetime) -> int:
    """Drop the keys of events from outside that can no longer be delivered again; how many."""
    return connection.execute(sa.delete(processed).where(processed.c.at < taken_before)).rowcount
