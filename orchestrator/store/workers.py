"""Processes, what each alone does for a while, and what becomes of attempts when one ends."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from orchestrator.store import calls
from orchestrator.store.changes import attempt, run, touch
from orchestrator.store.clock import CLOCK, now
from orchestrator.store.tables import AttemptStatus, Lease, Outcome, Process

process: sa.Table = Process.__table__  # type: ignore[attr-defined]
lease: sa.Table = Lease.__table__  # type: ignore[attr-defined]

# Processes are compared by the database's clock: those of hosts differ.
_NOW = sa.func.now()
_FORGOTTEN_AFTER = sa.text("interval '1 day'")


# --- processes, on PostgreSQL ---------------------------------------------------------------


def beat(connection: Connection, worker: str, kind: str, version: str) -> None:
    """Note that this process is alive, and put its clock right."""
    CLOCK.compare(connection)
    insert = postgresql.insert(process).values(
        id=worker, kind=kind, version=version, started_at=_NOW, seen_at=_NOW
    )
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_={"seen_at": _NOW}))


def leave(connection: Connection, worker: str) -> None:
    """Note that this process has ended, and what it alone did is free to others."""
    connection.execute(sa.delete(process).where(process.c.id == worker))
    release(connection, worker)


def _alive(gone_after_s: float) -> sa.Select[tuple[str]]:
    return sa.select(process.c.id).where(process.c.seen_at > _NOW - _seconds(gone_after_s))


def _seconds(count: float) -> sa.ColumnElement[Any]:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, count)


# --- leases, on PostgreSQL ------------------------------------------------------------------


def take(connection: Connection, key: str, holder: str, for_s: float) -> bool:
    """Take what nobody else holds at the moment, or keep it, for so many seconds; whether it is
    now the holder's."""
    until = _NOW + _seconds(for_s)
    insert = postgresql.insert(lease).values(key=key, holder=holder, until=until)
    is_free = (lease.c.holder == holder) | (lease.c.until < _NOW)
    taken = insert.on_conflict_do_update(
        index_elements=["key"], set_={"holder": holder, "until": until}, where=is_free
    )
    return connection.execute(taken.returning(lease.c.key)).first() is not None


def take_all(connection: Connection, keys: list[str], holder: str, for_s: float) -> list[str]:
    """Those of the keys that are now the holder's, see `take`."""
    return [key for key in keys if take(connection, key, holder, for_s)]


def release(connection: Connection, holder: str) -> None:
    """What the holder alone did is free to others."""
    connection.execute(sa.delete(lease).where(lease.c.holder == holder))


# --- attempts -------------------------------------------------------------------------------


def hand_back(connection: Connection, worker: str) -> int:
    """Put this worker's running attempts back, as if they had never been picked up."""
    is_meant = attempt.c.worker == worker
    _lock_runs(connection, is_meant)
    calls.pause_cut_off(connection, is_meant)
    return connection.execute(
        sa.update(attempt)
        .where(attempt.c.status == AttemptStatus.RUNNING, is_meant)
        .values(status=AttemptStatus.QUEUED, worker=None, started_at=None)
    ).rowcount


def interrupt(connection: Connection, but_worker: str) -> list[str]:
    """End the attempts of workers that are gone, and return their runs.

    Only for a process that knows it is the only one at work.
    """
    return _interrupt(connection, attempt.c.worker != but_worker)


def interrupt_gone(connection: Connection, but_worker: str, gone_after_s: float) -> list[str]:
    """End the attempts of workers of which nothing was seen for so long, and return their runs."""
    connection.execute(sa.delete(process).where(process.c.seen_at < _NOW - _FORGOTTEN_AFTER))
    is_gone = attempt.c.worker.not_in(_alive(gone_after_s))
    return _interrupt(connection, sa.and_(attempt.c.worker != but_worker, is_gone))


def _interrupt(connection: Connection, is_gone: sa.ColumnElement[bool]) -> list[str]:
    _lock_runs(connection, is_gone)
    calls.pause_cut_off(connection, is_gone)
    runs = connection.execute(
        sa.update(attempt)
        .where(attempt.c.status == AttemptStatus.RUNNING, is_gone)
        .values(
            status=AttemptStatus.FINISHED,
            outcome=Outcome.INTERRUPTED,
            error="The process that worked on it ended.",
            finished_at=now(),
        )
        .returning(attempt.c.run_id)
    ).scalars()
    interrupted = sorted(set(runs))
    for run_id in interrupted:
        touch(connection, run_id)
    return interrupted


def _lock_runs(connection: Connection, is_meant: sa.ColumnElement[bool]) -> None:
    """Whoever changes a run takes its row first; in one order, so that nobody waits in a ring."""
    if connection.dialect.name == "postgresql":
        meant = sa.select(attempt.c.run_id).where(
            attempt.c.status == AttemptStatus.RUNNING, is_meant
        )
        locked = sa.select(run.c.id).where(run.c.id.in_(meant)).order_by(run.c.id)
        connection.execute(locked.with_for_update())
