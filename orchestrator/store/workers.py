"""What becomes of attempts when the process that makes them ends."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.store import calls
from orchestrator.store.changes import attempt, touch
from orchestrator.store.tables import AttemptStatus, Outcome, now


def hand_back(connection: Connection, worker: str) -> int:
    """Put this worker's running attempts back, as if they had never been picked up."""
    calls.pause_cut_off(connection, attempt.c.worker == worker)
    return connection.execute(
        sa.update(attempt)
        .where(attempt.c.status == AttemptStatus.RUNNING, attempt.c.worker == worker)
        .values(status=AttemptStatus.QUEUED, worker=None, started_at=None)
    ).rowcount


def interrupt(connection: Connection, but_worker: str) -> list[str]:
    """End the attempts of workers that are gone, and return their runs.

    Only for a process that knows it is the only one at work.
    """
    calls.pause_cut_off(connection, attempt.c.worker != but_worker)
    runs = connection.execute(
        sa.update(attempt)
        .where(attempt.c.status == AttemptStatus.RUNNING, attempt.c.worker != but_worker)
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
