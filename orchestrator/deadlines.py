"""What time does to runs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.store import changes
from orchestrator.store.tables import (
    ProcessedEvent,
    RequestKind,
    RequestStatus,
    RunStatus,
    now,
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


def forget_events(connection: Connection, taken_before: datetime) -> int:
    """Drop the keys of events from outside that can no longer be delivered again; how many."""
    return connection.execute(sa.delete(processed).where(processed.c.at < taken_before)).rowcount
