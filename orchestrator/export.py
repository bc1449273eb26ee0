"""A whole run as one document, for programs; `report` has the one for people.

It is complete and its shape is stable: `version` is raised when something in it changes its
meaning or goes; more may be added at any time. Times are ISO 8601 in UTC, seconds are numbers, USD
are decimal numbers as strings, so that nothing is rounded. What looks like a key or a password is
taken out of every text, and so is what could control a terminal.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import text
from orchestrator.model.base import Purpose
from orchestrator.store import steady
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    Artifact,
    Attempt,
    AttemptStatus,
    EventRow,
    FileStatus,
    Outcome,
    PlanRevision,
    Request,
    RequestKind,
    RequestStatus,
    RevisionSource,
    Run,
    RunStatus,
    SubtaskRow,
    SubtaskStatus,
    ToolCallRow,
    ToolCallStatus,
)

_Row = TypeVar("_Row", bound=SQLModel)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class ExportedRun(_Part):
    """The run: what was asked by whom, where it stands, what it may use and has used.

    `answer_attempt_id` names the attempt whose output is the answer; `gaps` counts the subtasks
    it does without. `cost_usd` is only what is known where `cost_known` is false.
    """

    id: str
    name: str
    team_id: str
    task: str
    context: str
    guidance: str
    requester: str
    channel: str | None
    thread: str | None
    status: RunStatus
    revision: int
    answer_attempt_id: str | None
    answer_revision: int
    gaps: int
    auto_approve: bool
    concurrency: int
    limit_tokens: int | None
    limit_usd: Decimal | None
    limit_s: float | None
    tokens: int
    cost_usd: Decimal
    cost_known: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime | None
    ended_by: str | None


class ExportedRevision(_Part):
    """A revision of the plan: who wrote it and why, what was repaired, and its JSON form."""

    number: int
    source: RevisionSource
    author: str | None
    feedback: str
    repairs: tuple[str, ...]
    expected_usd: Decimal | None
    created_at: datetime
    plan: dict[str, Any]


class ExportedSubtask(_Part):
    """How a subtask stands; what it says is in the revisions, under the same number.

    `output_attempt_id` names the attempt whose output is its result.
    """

    number: int
    status: SubtaskStatus
    tries: int
    interruptions: int
    output_attempt_id: str | None
    note: str


class ExportedAttempt(_Part):
    """One model call. `subtask` is None for the run's own: planning, review, synthesis."""

    id: str
    purpose: Purpose
    subtask: int | None
    number: int
    revision: int
    role: str | None
    model: str | None
    model_request_id: str | None
    parameters: dict[str, Any]
    status: AttemptStatus
    outcome: Outcome | None
    prompt: dict[str, Any] | None
    output: str | None
    data: Any
    error: str | None
    transcript: list[Any] | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def tokens(self) -> int:
        """Every token that went in or came out."""
        cached = self.cache_read_tokens + self.cache_write_tokens
        return self.input_tokens + self.output_tokens + cached

    @property
    def seconds(self) -> float:
        """How long it took; 0 where it is not over."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()


class ExportedToolCall(_Part):
    """One use of a tool by an attempt."""

    id: str
    attempt_id: str
    subtask: int | None
    name: str
    arguments: dict[str, Any]
    status: ToolCallStatus
    output: str | None
    is_error: bool
    decided_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ExportedRequest(_Part):
    """Something the run needed from a person, and who answered what."""

    id: str
    kind: RequestKind
    subtask: int | None
    attempt_id: str | None
    revision: int
    text: str
    options: tuple[str, ...]
    data: Any
    status: RequestStatus
    answer: str | None
    answer_text: str
    answered_by: str | None
    created_at: datetime
    answered_at: datetime | None


class ExportedFile(_Part):
    """A file that was attached to the task or made by an attempt, without its content."""

    id: str
    subtask: int | None
    attempt_id: str | None
    name: str
    mimetype: str
    size: int
    status: FileStatus
    summary: str
    note: str
    created_at: datetime


class ExportedEvent(_Part):
    """Something that happened, in the order it was committed."""

    id: int
    kind: str
    subtask: int | None
    attempt_id: str | None
    actor: str | None
    data: dict[str, Any]
    at: datetime


class Export(_Part):
    """Everything there is about one run; each list in the order in which it came about."""

    version: Literal[1] = 1
    run: ExportedRun
    answer: str | None = Field(description="The answer, in Markdown.")
    revisions: tuple[ExportedRevision, ...]
    subtasks: tuple[ExportedSubtask, ...]
    attempts: tuple[ExportedAttempt, ...]
    tool_calls: tuple[ExportedToolCall, ...]
    requests: tuple[ExportedRequest, ...]
    files: tuple[ExportedFile, ...]
    events: tuple[ExportedEvent, ...]

    def to_json(self) -> str:
        """All of it, as JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)


async def of_run(database: Database, run_id: str) -> Export:
    """The run of that id, all of it as of one moment. Whoever asks may see it."""
    async with database.read() as session:
        found = await steady.read(session, run_id, _read)
    return Export.model_validate(_cleaned(found.model_dump()))


async def _read(session: AsyncSession, run_id: str) -> Export:
    run = await session.get_one(Run, run_id)
    attempts = await _rows(session, Attempt, run_id, "id")
    answer = next((a.output for a in attempts if a.id == run.answer_attempt_id), None)
    return Export.model_validate(
        {
            "run": run,
            "answer": answer,
            "revisions": await _rows(session, PlanRevision, run_id, "number"),
            "subtasks": await _rows(session, SubtaskRow, run_id, "number"),
            "attempts": attempts,
            "tool_calls": await _rows(session, ToolCallRow, run_id, "id"),
            "requests": await _rows(session, Request, run_id, "id"),
            "files": await _rows(session, Artifact, run_id, "id"),
            "events": await _rows(session, EventRow, run_id, "id"),
        }
    )


async def _rows(
    session: AsyncSession, table: type[_Row], run_id: str, order: str
) -> tuple[_Row, ...]:
    columns = table.__table__.c  # type: ignore[attr-defined]
    found = await session.exec(
        select(table).where(columns.run_id == run_id).order_by(columns[order])
    )
    return tuple(found.all())


def _cleaned(part: Any) -> Any:
    """The same with every text in it cleaned."""
    if isinstance(part, dict):
        return {_cleaned(key): _cleaned(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_cleaned(item) for item in part]
    if type(part) is str:
        return text.without_secrets(text.clean(part))
    return part
