"""Tool calls as rows: written before they are made, and each made once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator import text
from orchestrator.errors import Outdated
from orchestrator.model.base import MadeFile
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    Artifact,
    ArtifactContent,
    AttemptStatus,
    Outcome,
    ToolCallRow,
    ToolCallStatus,
    new_row,
)
from orchestrator.tools.base import ToolResult

call: sa.Table = ToolCallRow.__table__  # type: ignore[attr-defined]
artifact: sa.Table = Artifact.__table__  # type: ignore[attr-defined]
content: sa.Table = ArtifactContent.__table__  # type: ignore[attr-defined]

_MOST_OUTPUT_CHARS = 100_000


def asked(row: dict[str, Any], *, is_cut_off: bool = False) -> dict[str, Any]:
    """What a person is told of a call that waits for them; it goes with the request."""
    told = {column: row[column] for column in ("id", "call_id", "name", "arguments")}
    return told | {"is_cut_off": is_cut_off}


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write down calls that are about to be made, or to be asked about."""
    if rows:
        connection.execute(sa.insert(call), rows)


def add_made(
    connection: Connection,
    rows: list[dict[str, Any]],
    attempt: dict[str, Any],
    files: Iterable[MadeFile],
) -> None:
    """Write down calls that were made at the model's service, and keep the files they made."""
    stored = [row | {"output": _stored(row["output"])} for row in rows]
    add(connection, stored)
    for made in files:
        _keep(connection, attempt, attempt["id"], made)


def find(
    connection: Connection, run_id: str, number: int, call_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The rows of these calls of a subtask by their id in the transcript, the latest of each."""
    rows = connection.execute(
        sa.select(call)
        .where(call.c.run_id == run_id, call.c.subtask == number, call.c.call_id.in_(call_ids))
        .order_by(call.c.id)
    ).mappings()
    return {row["call_id"]: dict(row) for row in rows}


def take(connection: Connection, id_: str, attempt_id: str, transcript: list[Any]) -> bool:
    """Make an approved call this attempt's, once; whether it is now to be made.

    The transcript is kept with the attempt, so that a person can be asked if it is cut off.
    """
    taken = connection.execute(
        sa.update(call)
        .where(call.c.id == id_, call.c.status == ToolCallStatus.APPROVED)
        .values(status=ToolCallStatus.RUNNING, attempt_id=attempt_id, started_at=now())
    )
    if taken.rowcount != 1:
        return False
    connection.execute(
        sa.update(changes.attempt)
        .where(changes.attempt.c.id == attempt_id)
        .values(transcript=transcript)
    )
    return True


def finish(
    connection: Connection, row: dict[str, Any], attempt_id: str, result: ToolResult
) -> None:
    """Write what came of a call that was made, and keep the files it made."""
    finished = connection.execute(
        sa.update(call)
        .where(call.c.id == row["id"], call.c.status == ToolCallStatus.RUNNING)
        .values(
            status=ToolCallStatus.FINISHED,
            output=_stored(result.text),
            is_error=result.is_error,
            finished_at=now(),
        )
    )
    if finished.rowcount == 1:
        for made in result.files:
            _keep(connection, row, attempt_id, made)


def _stored(output: str) -> str:
    return text.clean(output)[:_MOST_OUTPUT_CHARS]


def _keep(connection: Connection, row: dict[str, Any], attempt_id: str, made: MadeFile) -> None:
    """Keep a file that a worker made, in the place of one that the same subtask called so."""
    same = sa.select(artifact.c.id).where(
        artifact.c.run_id == row["run_id"],
        artifact.c.subtask.is_not_distinct_from(row["subtask"]),
        artifact.c.name == made.name,
        artifact.c.attempt_id.is_not(None),
    )
    connection.execute(sa.delete(content).where(content.c.artifact_id.in_(same)))
    connection.execute(sa.delete(artifact).where(artifact.c.id.in_(same.scalar_subquery())))
    kept = new_row(
        Artifact,
        run_id=row["run_id"],
        subtask=row["subtask"],
        attempt_id=attempt_id,
        name=made.name,
        mimetype=made.mimetype,
        size=len(made.content),
    )
    connection.execute(sa.insert(artifact), [kept])
    bytes_ = {"artifact_id": kept["id"], "content": made.content, "text": None, "shape": None}
    connection.execute(sa.insert(content), [bytes_])


def decide(connection: Connection, id_: str, user_id: str, status: ToolCallStatus) -> None:
    """Write down what a person decided about a call that waits for it. Raises Outdated."""
    decided: dict[str, Any] = {"status": status, "decided_by": user_id}
    if status is ToolCallStatus.FINISHED:
        done = "A person says that this was done. What it returned is not known."
        decided |= {"output": done, "finished_at": now()}
    waiting = (ToolCallStatus.WAITING, ToolCallStatus.CUT_OFF)
    changed = connection.execute(
        sa.update(call).where(call.c.id == id_, call.c.status.in_(waiting)).values(decided)
    )
    if changed.rowcount != 1:
        raise Outdated("That was decided already.")


def mark_cut_off(connection: Connection, id_: str) -> None:
    """Nobody knows whether the call was made to the end."""
    connection.execute(
        sa.update(call)
        .where(call.c.id == id_, call.c.status == ToolCallStatus.RUNNING)
        .values(status=ToolCallStatus.CUT_OFF)
    )


def pause_cut_off(connection: Connection, *of: sa.ColumnElement[bool]) -> None:
    """End running attempts that were in the middle of a call that changes something, so that a
    person is asked about it. `of` says which attempts are meant."""
    attempt = changes.attempt
    found = connection.execute(
        sa.select(call)
        .join(attempt, attempt.c.id == call.c.attempt_id)
        .where(
            attempt.c.status == AttemptStatus.RUNNING,
            call.c.status == ToolCallStatus.RUNNING,
            call.c.decided_by.is_not(None),
            *of,
        )
    ).mappings()
    rows = [dict(row) for row in found]
    for row in rows:
        mark_cut_off(connection, row["id"])
        connection.execute(
            sa.update(attempt)
            .where(attempt.c.id == row["attempt_id"])
            .values(
                status=AttemptStatus.FINISHED,
                outcome=Outcome.PAUSED,
                output=question(row["name"], is_cut_off=True),
                data={"tool": asked(row, is_cut_off=True)},
                finished_at=now(),
            )
        )
    for run_id in _runs(rows):
        changes.touch(connection, run_id)


def _runs(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({row["run_id"] for row in rows})


def question(name: str, *, is_cut_off: bool) -> str:
    """What a person is asked about a call."""
    if is_cut_off:
        return f"The use of {name} was cut off; it may have been done, or not."
    return f"The worker wants to use {name}."
