"""What the engine writes: each function is one guarded change, run by `Database.write`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from orchestrator.errors import Conflict, TeamBudgetReached
from orchestrator.events import Event
from orchestrator.plan import Plan
from orchestrator.reviewer import Reviewed
from orchestrator.state import Progress
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    EventRow,
    Outcome,
    PlanRevision,
    Request,
    RequestStatus,
    RevisionSource,
    Run,
    SubtaskRow,
    SubtaskStatus,
    id_floor,
    new_row,
    row,
)

# SQLModel leaves the table out of its types.
run: sa.Table = Run.__table__  # type: ignore[attr-defined]
subtask: sa.Table = SubtaskRow.__table__  # type: ignore[attr-defined]
attempt: sa.Table = Attempt.__table__  # type: ignore[attr-defined]
request: sa.Table = Request.__table__  # type: ignore[attr-defined]
event: sa.Table = EventRow.__table__  # type: ignore[attr-defined]
revision: sa.Table = PlanRevision.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision rests on; it is void if commands or another decision came in between.

    Results that came in between (`version` has moved) leave it valid, but undecided upon.
    """

    run_id: str
    commands: int
    advanced_version: int
    version: int


@dataclass(frozen=True, slots=True)
class TeamLimit:
    """What a team may spend in a day, in USD; None is no limit."""

    team_id: str
    usd: Decimal | None = None


@dataclass(slots=True)
class Changes:
    """Everything one advance of a run changes, as rows."""

    run: dict[str, Any] = field(default_factory=dict)
    subtasks: list[tuple[int, SubtaskStatus, Progress]] = field(default_factory=list)
    dropped: list[tuple[int, SubtaskStatus, Progress]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    new_subtasks: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    team: TeamLimit | None = None
    # What follows from them has not been decided yet.
    is_partial: bool = False


# Statements of the busiest path are built once: building them costs more than running them.
_ADVANCE = (
    sa.update(run)
    .where(
        run.c.id == sa.bindparam("run_"),
        run.c.commands == sa.bindparam("commands_"),
        run.c.advanced_version == sa.bindparam("advanced_"),
    )
    .values(
        version=run.c.version + 1,
        advanced_version=sa.case(
            (run.c.version == sa.bindparam("version_"), run.c.version + 1),
            else_=sa.bindparam("version_"),
        ),
        updated_at=sa.bindparam("updated_at"),
    )
    .returning(run.c.version, run.c.advanced_version)
)
_SAVE_SUBTASK = (
    sa.update(subtask)
    .where(
        subtask.c.run_id == sa.bindparam("run"),
        subtask.c.number == sa.bindparam("subtask"),
        subtask.c.status == sa.bindparam("left"),
    )
    .values(
        {
            column: sa.bindparam(column)
            for column in (
                "status",
                "tries",
                "failed",
                "interruptions",
                "attempt_id",
                "output_attempt_id",
            )
        }
    )
)
_INSERT = {table: sa.insert(table) for table in (revision, subtask, attempt, request, event)}


def advance(connection: Connection, basis: Basis, changes: Changes) -> tuple[int, int]:
    """Commit what was decided on `basis`; returns the run's new version and the one that is
    decided upon, which is behind where a result came in meanwhile. Raises Conflict, and
    TeamBudgetReached where the team's day cannot pay what would start."""
    guard = {
        "run_": basis.run_id,
        "commands_": basis.commands,
        "advanced_": basis.advanced_version,
        "version_": basis.version,
    }
    versions = connection.execute(_ADVANCE, {**guard, "updated_at": now()}).first()
    if versions is None:
        raise Conflict(f"run {basis.run_id} moved on")
    if changes.team is not None and changes.team.usd is not None:
        starting = sum((row["reserved_usd"] for row in changes.attempts), Decimal(0))
        _check_team(connection, changes.team.team_id, changes.team.usd, starting)
    if changes.run:
        connection.execute(sa.update(run).where(run.c.id == basis.run_id).values(changes.run))
    if changes.subtasks:
        _save_subtasks(connection, basis.run_id, changes.subtasks)
    for table, rows in (
        (revision, changes.revisions),
        (subtask, changes.new_subtasks),
        (attempt, changes.attempts),
        (request, changes.requests),
    ):
        if rows:
            connection.execute(_INSERT[table], rows)
    add_events(connection, changes.events)
    if changes.is_partial:
        touch(connection, basis.run_id)
    return versions.version, versions.advanced_version


def spent_today(team_id: str) -> sa.Select[Decimal | None]:
    """What a team has spent since midnight UTC, with what is reserved; None for nothing."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    is_over = attempt.c.status == AttemptStatus.FINISHED
    return (
        sa.select(sa.func.sum(sa.case((is_over, attempt.c.cost_usd), else_=attempt.c.reserved_usd)))
        .join(run, run.c.id == attempt.c.run_id)
        .where(run.c.team_id == team_id, attempt.c.id > id_floor(today))
    )


def _check_team(connection: Connection, team_id: str, limit: Decimal, starting: Decimal) -> None:
    """Raises TeamBudgetReached when the team's day, with what is reserved, cannot pay that."""
    if not starting:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(team_id))))
    used = connection.execute(spent_today(team_id)).scalar()
    if Decimal(used or 0) + starting > limit:
        raise TeamBudgetReached(
            f"The budget of this workspace for today (${limit:.2f}, until midnight UTC) is used up."
        )


def _save_subtasks(
    connection: Connection, run_id: str, saved: Sequence[tuple[int, SubtaskStatus, Progress]]
) -> None:
    result = connection.execute(
        _SAVE_SUBTASK,
        [
            {
                "run": run_id,
                "subtask": number,
                "left": left,
                "status": progress.status,
                "tries": progress.tries,
                "failed": list(progress.failed),
                "interruptions": progress.interruptions,
                "attempt_id": progress.attempt_id,
                "output_attempt_id": progress.output_attempt_id,
            }
            for number, left, progress in saved
        ],
    )
    if result.rowcount != len(saved):
        raise Conflict(f"a subtask of run {run_id} moved on")


def add_events(connection: Connection, events: Iterable[Event]) -> None:
    """Write down what happened."""
    rows = [
        {
            "run_id": e.run_id,
            "kind": e.kind,
            "subtask": e.subtask,
            "attempt_id": e.attempt_id,
            "actor": e.actor,
            "data": e.data,
            "at": e.at,
        }
        for e in events
    ]
    if rows:
        connection.execute(_INSERT[event], rows)


def new_subtasks(run_id: str, plan: Plan) -> list[dict[str, Any]]:
    """The rows of a plan that begins to run."""
    return [new_row(SubtaskRow, run_id=run_id, number=item.number) for item in plan.subtasks]


@dataclass(frozen=True, slots=True)
class ChangedPlan:
    """The rows of a review's changes to a plan that runs, and the subtasks it drops."""

    revision: dict[str, Any]
    new_subtasks: list[dict[str, Any]]
    dropped: list[int]


def changed_plan(
    run_id: str, number: int, before: Plan, reviewed: Reviewed, expected_usd: Decimal | None
) -> ChangedPlan:
    """What becomes of the rows when `before` gives way to what was reviewed."""
    revision_row = PlanRevision(
        run_id=run_id,
        number=number,
        source=RevisionSource.REVIEW,
        repairs=[*reviewed.made, *reviewed.left_out],
        plan=reviewed.plan.to_json(),
        expected_usd=expected_usd,
    )
    old = {item.number for item in before.subtasks}
    new = {item.number for item in reviewed.plan.subtasks}
    return ChangedPlan(
        row(revision_row),
        [new_row(SubtaskRow, run_id=run_id, number=n) for n in sorted(new - old)],
        sorted(old - new),
    )


def insert_once(connection: Connection, record: SQLModel) -> bool:
    """Insert `record` unless its key is there; whether it was inserted."""
    is_postgres = connection.dialect.name == "postgresql"
    insert: Any = postgresql.insert if is_postgres else sqlite.insert
    statement = insert(type(record).__table__).values(row(record))  # type: ignore[attr-defined]
    # Not every driver counts the rows of an insert.
    once = statement.on_conflict_do_nothing().returning(sa.literal_column("1"))
    return connection.execute(once).first() is not None


def touch(connection: Connection, run_id: str) -> None:
    """Let the run be advanced and shown again."""
    connection.execute(
        sa.update(run).where(run.c.id == run_id).values(version=run.c.version + 1, updated_at=now())
    )


# --- attempts ----------------------------------------------------------------------------

_CLAIM = (
    sa.update(attempt)
    .where(attempt.c.id == sa.bindparam("id_"), attempt.c.status == AttemptStatus.QUEUED)
    .values(
        status=AttemptStatus.RUNNING,
        worker=sa.bindparam("worker_"),
        started_at=sa.bindparam("started_at_"),
    )
    .returning(
        attempt.c.id,
        attempt.c.run_id,
        attempt.c.subtask,
        attempt.c.purpose,
        attempt.c.number,
        attempt.c.role,
        attempt.c.parameters,
        attempt.c.reserved_tokens,
        attempt.c.reserved_usd,
        attempt.c.started_at,
    )
)


_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
# The columns a result may fill, as they are where it does not.
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("outcome", "prompt", "output", "data", "error", "transcript")),
    **dict.fromkeys(("model", "model_request_id", "cost_usd")),
    **dict.fromkeys(_TOKENS, 0),
}
_FINISH = (
    sa.update(attempt)
    .where(
        attempt.c.id == sa.bindparam("id_"),
        attempt.c.status == AttemptStatus.RUNNING,
        attempt.c.worker == sa.bindparam("worker_"),
    )
    .values(
        {
            "status": AttemptStatus.FINISHED,
            "finished_at": sa.bindparam("finished_at"),
            **{column: sa.bindparam(column) for column in _NOTHING},
        }
    )
    .returning(attempt.c.run_id)
)
_COUNT = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("run_"))
    .values(
        version=run.c.version + 1,
        tokens=run.c.tokens + sa.bindparam("used_tokens"),
        cost_usd=run.c.cost_usd + sa.bindparam("used_usd"),
        cost_known=run.c.cost_known & sa.bindparam("used_known", type_=sa.Boolean),
    )
    .returning(run.c.version)
)


# Whoever changes a run takes its row first; a result that did otherwise could wait for a command
# that waits for the result.
_LOCK_RUN = (
    sa.select(run.c.id)
    .join(attempt, attempt.c.run_id == run.c.id)
    .where(attempt.c.id == sa.bindparam("id_"))
    .with_for_update(of=run)
)


def claim(connection: Connection, attempt_id: str, worker: str) -> dict[str, Any] | None:
    """Make the attempt this worker's and return what it is; None when it is taken, or over."""
    values = {"id_": attempt_id, "worker_": worker, "started_at_": now()}
    claimed = connection.execute(_CLAIM, values).mappings().first()
    return dict(claimed) if claimed else None


def finish(
    connection: Connection, attempt_id: str, worker: str, result: Mapping[str, Any]
) -> int | None:
    """Write the result over the state that `worker`'s claim left; returns the run's new version.

    None, and nothing changed, when the attempt is no longer this worker's.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_RUN, {"id_": attempt_id})
    guard = {"id_": attempt_id, "worker_": worker}
    values = {**_NOTHING, "finished_at": now(), **result}
    found = connection.execute(_FINISH, values | guard).scalar()
    return None if found is None else _count(connection, found, result)


def count_broken_off(connection: Connection, attempt_id: str, used: Mapping[str, Any]) -> None:
    """Add what an attempt used before it was broken off, whatever has become of it since."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_RUN, {"id_": attempt_id})
    counted = sa.update(attempt).where(attempt.c.id == attempt_id).values(dict(used))
    run_id = connection.execute(counted.returning(attempt.c.run_id)).scalar()
    if run_id is not None:
        _count(connection, run_id, used)


def _count(connection: Connection, run_id: str, result: Mapping[str, Any]) -> int:
    """Add what the attempt used to the sums of its run."""
    tokens = sum(result.get(column, 0) for column in _TOKENS)
    cost = result.get("cost_usd")
    used = {
        "run_": run_id,
        "used_tokens": tokens,
        "used_usd": cost or Decimal(0),
        "used_known": cost is not None or not tokens,
    }
    return int(connection.execute(_COUNT, used).scalar_one())


# --- ends --------------------------------------------------------------------------------


def close_requests(connection: Connection, run_id: str, *conditions: Any) -> None:
    """Open requests that events have overtaken need no answer any more."""
    connection.execute(
        sa.update(request)
        .where(request.c.run_id == run_id, request.c.status == RequestStatus.OPEN, *conditions)
        .values(status=RequestStatus.CLOSED, answered_at=now())
    )


def cancel_work(connection: Connection, run_id: str) -> None:
    """Nothing of this run goes on: attempts and unfinished subtasks are cancelled."""
    connection.execute(
        sa.update(attempt)
        .where(attempt.c.run_id == run_id, attempt.c.status != AttemptStatus.FINISHED)
        .values(status=AttemptStatus.FINISHED, outcome=Outcome.CANCELLED, finished_at=now())
    )
    unfinished = [
        SubtaskStatus.WAITING,
        SubtaskStatus.READY,
        SubtaskStatus.RUNNING,
        SubtaskStatus.PAUSED,
    ]
    connection.execute(
        sa.update(subtask)
        .where(subtask.c.run_id == run_id, subtask.c.status.in_(unfinished))
        .values(status=SubtaskStatus.CANCELLED, attempt_id=None)
    )


def cancel_attempts(connection: Connection, run_id: str, of: Sequence[int | None]) -> None:
    """Break off the attempts of these subtasks; None stands for the run's own."""
    numbers = [number for number in of if number is not None]
    is_own = attempt.c.subtask.is_(None) if None in of else sa.false()
    is_meant = sa.or_(attempt.c.subtask.in_(numbers), is_own)
    connection.execute(
        sa.update(attempt)
        .where(attempt.c.run_id == run_id, attempt.c.status != AttemptStatus.FINISHED, is_meant)
        .values(status=AttemptStatus.FINISHED, outcome=Outcome.CANCELLED, finished_at=now())
    )
