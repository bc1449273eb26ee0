"""Runs there were, as the terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from sqlmodel import col, select

from orchestrator import text
from orchestrator.plan import Plan
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    PlanRevision,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    SubtaskRow,
)
from orchestrator.terminal.view import (
    TEAM,
    View,
    attempts_table,
    local_time,
    need,
    or_nothing,
    plan_table,
    progress_table,
    table_of,
)

_MOST_LETTERS = 500
_TASK_CHARS = 60
_REASON_CHARS = 120


def one(view: View) -> Iterator[RenderableType]:
    """A run's plan, attempts, open requests and answer."""
    yield f"{view.run.name}: {view.run.status.value}\n{view.run.task}\n"
    if view.plan:
        yield progress_table(view, now()) if view.subtasks else plan_table(view.plan)
    if view.attempts:
        yield attempts_table(view, now())
    for request in view.requests:
        yield f"- {need(view, request)}"
    if view.answer:
        yield f"\n{text.clean(view.answer)}"


async def latest(database: Database, limit: int) -> RenderableType:
    """The latest runs, a line each."""
    async with database.read() as session:
        found = await session.exec(
            select(Run).where(Run.team_id == TEAM).order_by(col(Run.id).desc()).limit(limit)
        )
    table = table_of("Run", "State", "Created", "Tokens", "Task")
    for run in found:
        task = text.shorten(text.one_line(run.task), _TASK_CHARS)
        created = local_time(run.created_at)
        table.add_row(run.name, run.status.value, created, str(run.tokens), task)
    return or_nothing(table, 'No runs yet. Begin one: python -m orchestrator run "…"')


async def dead_letters(database: Database) -> RenderableType:
    """The dead letter queue over all runs, the oldest first."""
    async with database.read() as session:
        found = await session.exec(
            select(Run, Request, PlanRevision, SubtaskRow)
            .join(Request, col(Request.run_id) == col(Run.id))
            .outerjoin(
                PlanRevision,
                (col(PlanRevision.run_id) == col(Run.id))
                & (col(PlanRevision.number) == col(Run.revision)),
            )
            .outerjoin(
                SubtaskRow,
                (col(SubtaskRow.run_id) == col(Run.id))
                & (col(SubtaskRow.number) == col(Request.subtask)),
            )
            .where(
                Run.team_id == TEAM,
                Request.kind == RequestKind.DEAD_LETTER,
                Request.status == RequestStatus.OPEN,
            )
            .order_by(col(Request.id))
            .limit(_MOST_LETTERS)
        )
    table = table_of("Run", "Subtask", "Attempts", "Since", "Reason")
    for run, letter, revision, row in found:
        tries = row.tries if row else run.tries
        reason = text.shorten(text.one_line(letter.text), _REASON_CHARS)
        since = local_time(letter.created_at)
        table.add_row(run.name, _title(letter.subtask, revision), str(tries), since, reason)
    return or_nothing(table, "No dead letters.")


def _title(number: int | None, revision: PlanRevision | None) -> str:
    if number is None or revision is None:
        return "the answer"
    return f"{number}. {Plan.model_validate(revision.plan).subtask(number).title}"
