"""Workspaces come and go: each function is one change, run by `Database.write`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.commands import Done
from orchestrator.events import Event, EventKind
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import LIVE, RunStatus, Schedule, Team

_REMOVAL = "the removal of the app"

team: sa.Table = Team.__table__  # type: ignore[attr-defined]
schedule: sa.Table = Schedule.__table__  # type: ignore[attr-defined]


def join(connection: Connection, team_id: str, name: str, enterprise_id: str | None) -> None:
    """The app is in the workspace (again), which may belong to an organisation."""
    changes.insert_once(connection, Team(id=team_id))
    known = {"name": name} if name else {}
    connection.execute(
        sa.update(team)
        .where(team.c.id == team_id)
        .values(left_at=None, enterprise_id=enterprise_id, **known)
    )


def leave(connection: Connection, team_id: str) -> list[Done]:
    """The app is no longer in the workspace: its live runs end, its schedules fire no more, and
    nothing is shown there. Returns the runs that ended."""
    connection.execute(
        sa.update(team).where(team.c.id == team_id, team.c.left_at.is_(None)).values(left_at=now())
    )
    connection.execute(
        sa.update(schedule)
        .where(schedule.c.team_id == team_id)
        .values(is_paused=True, next_at=None)
    )
    run = changes.run
    live = connection.execute(
        sa.select(run.c.id, run.c.name)
        .where(run.c.team_id == team_id, run.c.status.in_(LIVE))
        .with_for_update()
    ).all()
    ended = [_end(connection, found) for found in live]
    connection.execute(
        sa.update(run).where(run.c.team_id == team_id).values(shown_version=run.c.version)
    )
    return ended


def of_enterprise(connection: Connection, enterprise_id: str) -> list[str]:
    """The workspaces of an organisation that the app is in."""
    query = sa.select(team.c.id).where(
        team.c.enterprise_id == enterprise_id, team.c.left_at.is_(None)
    )
    return list(connection.execute(query).scalars())


def _end(connection: Connection, found: Any) -> Done:
    run = changes.run
    changes.close_requests(connection, found.id)
    changes.cancel_work(connection, found.id)
    event = Event(EventKind.RUN_STOPPED, found.id, data={"reason": _REMOVAL})
    changes.add_events(connection, [event])
    connection.execute(
        sa.update(run)
        .where(run.c.id == found.id)
        .values(
            status=RunStatus.STOPPED,
            attempt_id=None,
            finished_at=now(),
            ended_by=_REMOVAL,
            commands=run.c.commands + 1,
            version=run.c.version + 1,
            updated_at=now(),
        )
    )
    return Done(found.id, f"{found.name} was stopped by {_REMOVAL}.", (event,), stops=True)
