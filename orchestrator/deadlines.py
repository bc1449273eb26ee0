"""What time does to runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.events import Event, EventKind
from orchestrator.record import BUDGET_OPTIONS, UNTIL, WAITING_OPTIONS
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    LIVE,
    Artifact,
    ArtifactContent,
    ProcessedEvent,
    Request,
    RequestKind,
    RequestStatus,
    RunStatus,
    ToldFiles,
    ToolCallRow,
    row,
)

processed: sa.Table = ProcessedEvent.__table__  # type: ignore[attr-defined]
told: sa.Table = ToldFiles.__table__  # type: ignore[attr-defined]
artifact: sa.Table = Artifact.__table__  # type: ignore[attr-defined]
content: sa.Table = ArtifactContent.__table__  # type: ignore[attr-defined]
tool_call: sa.Table = ToolCallRow.__table__  # type: ignore[attr-defined]


def expire(connection: Connection, asked_before: datetime) -> list[Event]:
    """End the runs whose plan nobody approved or wrote since `asked_before`; returns the events."""
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
    events = [Event(EventKind.RUN_EXPIRED, run_id) for run_id in expired]
    changes.add_events(connection, events)
    return events


def remind(connection: Connection, asked_before: datetime, at: datetime) -> int:
    """Note that people are reminded of what was asked before and is open still; in how many runs.

    Of each request they are reminded once.
    """
    request, run = changes.request, changes.run
    is_shown = sa.select(run.c.id).where(run.c.status.in_(LIVE), run.c.channel.is_not(None))
    reminded = connection.execute(
        sa.update(request)
        .where(
            request.c.status == RequestStatus.OPEN,
            request.c.reminded_at.is_(None),
            request.c.created_at < asked_before,
            request.c.run_id.in_(is_shown),
        )
        .values(reminded_at=at)
        .returning(request.c.run_id)
    ).scalars()
    runs = sorted(set(reminded))
    for run_id in runs:
        changes.touch(connection, run_id)
    return len(runs)


def clear(connection: Connection, finished_before: datetime, at: datetime, most: int = 100) -> int:
    """Delete what was said to models and what they said in runs that ended before; how many runs.

    The runs, their tasks and plans stay, and what happened when and at which cost. At most `most`
    runs at once, so that nobody waits long for it.
    """
    run = changes.run
    is_old = sa.and_(
        run.c.finished_at < finished_before, run.c.cleared_at.is_(None), run.c.status.not_in(LIVE)
    )
    old = sa.select(run.c.id).where(is_old).order_by(run.c.finished_at).limit(most)
    runs = list(
        connection.execute(
            sa.update(run)
            .where(run.c.id.in_(old), is_old)
            .values(cleared_at=at, context="", note="", guidance="")
            .returning(run.c.id)
        ).scalars()
    )
    if runs:
        _clear_contents(connection, runs)
    return len(runs)


_CONTENTS: tuple[tuple[sa.Table, dict[str, Any]], ...] = (
    (
        changes.attempt,
        dict.fromkeys(("prompt", "output", "data", "error", "transcript")),
    ),
    (changes.subtask, {"note": ""}),
    (changes.request, {"text": "", "data": None, "answer_text": ""}),
    (changes.event, {"data": {}}),
    (tool_call, {"arguments": {}, "output": None}),
    (artifact, {"summary": "", "note": ""}),
)


def _clear_contents(connection: Connection, runs: list[str]) -> None:
    for table, values in _CONTENTS:
        connection.execute(sa.update(table).where(table.c.run_id.in_(runs)).values(values))
    files = sa.select(artifact.c.id).where(artifact.c.run_id.in_(runs))
    connection.execute(sa.delete(content).where(content.c.artifact_id.in_(files)))


def hold(
    connection: Connection, run_id: str, sentence: str, until: datetime | None = None
) -> list[Event]:
    """Ask for more time or money for a run at work, unless that is asked already.

    With `until` nobody can allow more before then, and the run goes on by itself afterwards.
    """
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
        run_id=run_id,
        kind=RequestKind.BUDGET,
        text=sentence,
        options=list(BUDGET_OPTIONS if until is None else WAITING_OPTIONS),
        data=None if until is None else {UNTIL: until.isoformat()},
    )
    connection.execute(sa.insert(request), [row(asked)])
    event = Event(EventKind.RUN_PAUSED, run_id, data={"reason": "budget"})
    changes.add_events(connection, [event])
    return [event]


def go_on(connection: Connection, moment: datetime) -> list[str]:
    """Let the runs go on that were held until `moment` or before; their ids."""
    request = changes.request
    held = connection.execute(
        sa.select(request.c.id, request.c.run_id, request.c.data).where(
            request.c.kind == RequestKind.BUDGET, request.c.status == RequestStatus.OPEN
        )
    ).all()
    over = [asked for asked in held if asked.data and _is_over(asked.data.get(UNTIL), moment)]
    for asked in over:
        changes.close_requests(connection, asked.run_id, request.c.id == asked.id)
        changes.touch(connection, asked.run_id)
    return [asked.run_id for asked in over]


def _is_over(until: str | None, moment: datetime) -> bool:
    return until is not None and datetime.fromisoformat(until) <= moment


def forget_events(connection: Connection, taken_before: datetime) -> int:
    """Drop the keys of events from outside that can no longer be delivered again, and the files
    that came with them; return how many events there were."""
    connection.execute(sa.delete(told).where(told.c.at < taken_before))
    return connection.execute(sa.delete(processed).where(processed.c.at < taken_before)).rowcount
