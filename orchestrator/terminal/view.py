"""A run as the tables have it, and as rows of text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from rich.table import Table
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import text
from orchestrator.errors import NotFound
from orchestrator.plan import Plan, Subtask
from orchestrator.store import changes, steady
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    PlanRevision,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    SubtaskRow,
)

TEAM = "local"


@dataclass(frozen=True, slots=True)
class View:
    """A run as it stands in the tables; `attempts` are rows without prompts and outputs."""

    run: Run
    revision: PlanRevision | None
    plan: Plan | None
    subtasks: Mapping[int, SubtaskRow]
    attempts: tuple[Any, ...]
    requests: tuple[Request, ...]
    answer: str | None

    @property
    def is_stuck(self) -> bool:
        """Whether nothing goes on until a person answers."""
        is_seen = self.run.advanced_version == self.run.version
        is_busy = any(attempt.status is not AttemptStatus.FINISHED for attempt in self.attempts)
        return bool(self.requests) and is_seen and not is_busy

    def request(self, *kinds: RequestKind) -> Request | None:
        """The first open request of one of the kinds."""
        return next((request for request in self.requests if request.kind in kinds), None)

    def latest(self, number: int) -> Any:
        """The latest attempt of the subtask; None where there is none."""
        mine = (attempt for attempt in reversed(self.attempts) if attempt.subtask == number)
        return next(mine, None)

    def title(self, number: int | None) -> str:
        """What to call the subtask, or what the run does by itself."""
        if number is None or self.plan is None:
            return "the answer"
        return f"subtask {number} ({self.plan.subtask(number).title})"


_ATTEMPT_COLUMNS = [
    changes.attempt.c[name]
    for name in (
        "subtask",
        "purpose",
        "number",
        "status",
        "outcome",
        "model",
        "error",
        "started_at",
        "finished_at",
    )
]


async def look(database: Database, run_id: str) -> View:
    """Read the run, all of it as of one moment."""
    async with database.read() as session:
        return await steady.read(session, run_id, _read)


async def _read(session: AsyncSession, run_id: str) -> View:
    run = await session.get_one(Run, run_id)
    revision = await session.get(PlanRevision, (run_id, run.revision))
    subtasks = await session.exec(select(SubtaskRow).where(SubtaskRow.run_id == run_id))
    attempts = await (await session.connection()).execute(
        sa.select(*_ATTEMPT_COLUMNS)
        .where(changes.attempt.c.run_id == run_id)
        .order_by(changes.attempt.c.id)
    )
    requests = await session.exec(
        select(Request)
        .where(Request.run_id == run_id, Request.status == RequestStatus.OPEN)
        .order_by(col(Request.id))
    )
    answer = None
    if run.answer_attempt_id:
        answer = (await session.get_one(Attempt, run.answer_attempt_id)).output
    return View(
        run=run,
        revision=revision,
        plan=Plan.model_validate(revision.plan) if revision else None,
        subtasks={row.number: row for row in subtasks},
        attempts=tuple(attempts.all()),
        requests=tuple(requests.all()),
        answer=answer,
    )


async def find(database: Database, name: str) -> Run:
    """The run of that short id. Raises NotFound."""
    async with database.read() as session:
        rows = await session.exec(
            select(Run).where(Run.team_id == TEAM, Run.name == name.strip().upper())
        )
        run = rows.first()
    if run is None:
        raise NotFound(f"There is no run {name} here; `python -m orchestrator runs` lists them.")
    return run


def local_time(moment: datetime) -> str:
    """The moment as a person here reads it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def table_of(*headings: str, title: str | None = None) -> Table:
    """An empty table with these columns."""
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    return table


def or_nothing(table: Table, sentence: str) -> Table | str:
    """The table, or what to say where it has no lines."""
    return table if table.row_count else sentence


def _subtask_line(subtask: Subtask) -> tuple[str, str, str]:
    return subtask.id, subtask.title, subtask.role


def plan_table(plan: Plan) -> Table:
    """The plan to decide on."""
    table = table_of("#", "Subtask", "Role", "After", "Priority", title=plan.goal)
    for subtask in plan.subtasks:
        needs = ", ".join(subtask.depends_on)
        table.add_row(*_subtask_line(subtask), needs, str(subtask.priority))
    return table


def progress_table(view: View, at: datetime) -> Table:
    """Each subtask and how far it is."""
    table = table_of(
        "#",
        "Subtask",
        "Role",
        "State",
        "Attempt",
        "Seconds",
        title=f"{view.run.name}: {view.run.status.value}",
    )
    for subtask in view.plan.subtasks if view.plan else ():
        row = view.subtasks.get(subtask.number)
        latest = view.latest(subtask.number)
        table.add_row(
            *_subtask_line(subtask),
            row.status.value if row else "",
            str(latest.number) if latest else "",
            _seconds(latest, at),
        )
    return table


def attempts_table(view: View, at: datetime) -> Table:
    """Every attempt there was."""
    table = table_of("For", "Attempt", "Outcome", "Seconds", "Model", "Error", title="Attempts")
    for attempt in view.attempts:
        table.add_row(
            attempt.purpose.value if attempt.subtask is None else f"subtask {attempt.subtask}",
            str(attempt.number),
            (attempt.outcome or attempt.status).value,
            _seconds(attempt, at),
            attempt.model or "",
            attempt.error or "",
        )
    return table


def _seconds(attempt: Any, at: datetime) -> str:
    if attempt is None or attempt.started_at is None:
        return ""
    return f"{((attempt.finished_at or at) - attempt.started_at).total_seconds():.1f}"


def _call(tool: Mapping[str, Any]) -> str:
    """A tool's name and its exact arguments; what a terminal would not show is escaped."""
    shown = json.dumps(tool["arguments"], ensure_ascii=False)
    if text.clean(shown) != shown:
        shown = json.dumps(tool["arguments"])
    return f"{text.one_line(tool['name'])} {shown}"


def need(view: View, request: Request) -> str:
    """What the request asks for, in a sentence or two."""
    match request.kind:
        case RequestKind.APPROVAL:
            return f"Revision {request.revision} of the plan waits for approval."
        case RequestKind.BREAKDOWN:
            return f"No plan could be made ({request.text}). Write the subtasks yourself."
        case RequestKind.QUESTION:
            return f"A question about {view.title(request.subtask)}: {request.text}"
        case RequestKind.DEAD_LETTER:
            return f"Out of attempts: {view.title(request.subtask)}. {request.text}"
        case RequestKind.TOOL:
            return f"{view.title(request.subtask)} wants to use a tool: {_call(request.data)}"
        case _:
            return f"Needs {request.kind.value.replace('_', ' ')}: {request.text}"
