"""Views: what is to be seen of a run, read from its rows in one go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row
from sqlalchemy.orm import defer
from sqlmodel import SQLModel, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.contents import note_in
from orchestrator import graph
from orchestrator.model.base import Purpose
from orchestrator.plan import Pattern, Plan
from orchestrator.store.load import expected_seconds, learned_seconds
from orchestrator.store.tables import (
    Artifact,
    Attempt,
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

_T = TypeVar("_T", bound=SQLModel)

# Columns of attempts that can be large and are not shown.
_LARGE = (Attempt.prompt, Attempt.transcript, Attempt.data)

_DECEPTIVE = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]|<(?=[@!#])"
)

# Characters of a result that a card shows; the whole of it is in Details.
_BEGINNING = 600


@dataclass(frozen=True, slots=True)
class SubtaskView:
    """A subtask as people see it. `after` has the numbers it waits for, without redundant ones.

    `status` is None while the plan waits for approval. `output` and `error` are beginnings.
    `seconds` is how long its last attempt took; `expected_s` how long it should take.
    """

    number: int
    title: str
    role: str
    instructions: str
    priority: int
    after: tuple[int, ...]
    stage: int | None
    expected_s: float
    status: SubtaskStatus | None = None
    tries: int = 0
    started_at: datetime | None = None
    seconds: float | None = None
    outcome: Outcome | None = None
    error: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class ToolAsk:
    """A use of a tool that somebody is to decide on; `arguments` is JSON.

    `is_cut_off` says that it had begun, and that nobody knows whether it was done.
    """

    name: str
    arguments: str
    is_cut_off: bool


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as people see it; `tries` is how often the subtask was tried by then."""

    id: str
    kind: RequestKind
    subtask: int | None
    revision: int
    text: str
    options: tuple[str, ...]
    status: RequestStatus
    answer: str | None
    answer_text: str
    answered_by: str | None
    created_at: datetime
    answered_at: datetime | None = None
    reminded_at: datetime | None = None
    tries: int = 0
    outcome: Outcome | None = None
    tool: ToolAsk | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.status is RequestStatus.OPEN


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of the plan: who wrote it, on which feedback, and what the gate repaired."""

    number: int
    source: RevisionSource
    author: str | None
    feedback: str
    repairs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer: Markdown, and what it rests on."""

    revision: int
    text: str


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """A file that a worker made."""

    id: str
    name: str
    subtask: int | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt as people see it. `outcome` is None while it runs."""

    id: str
    purpose: Purpose
    subtask: int | None
    number: int
    outcome: Outcome | None
    model: str | None
    tokens: int
    cost_usd: Decimal | None
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is not over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class ToolCallView:
    """A use of a tool by a worker; `arguments` is JSON."""

    attempt_id: str
    name: str
    arguments: str
    status: ToolCallStatus
    output: str | None
    is_error: bool
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class SubtaskHistory:
    """Everything about how a subtask went: what the last attempt was given, and what came of it."""

    given: str = ""
    output: str = ""
    attempts: tuple[AttemptView, ...] = ()
    calls: tuple[ToolCallView, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything the messages of a run's thread are made from, as of `version`.

    `missing` says what of the thread it began in is not known to it.
    """

    id: str
    name: str
    team_id: str
    version: int
    task: str
    requester: str
    channel: str | None
    thread: str | None
    status: RunStatus
    revision: int
    note: str = ""
    missing: str = ""
    goal: str = ""
    pattern: Pattern = Pattern.GRAPH
    subtasks: tuple[SubtaskView, ...] = ()
    revisions: tuple[RevisionView, ...] = ()
    requests: tuple[RequestView, ...] = ()
    answer: AnswerView | None = None
    artifacts: tuple[ArtifactView, ...] = ()
    gaps: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_known: bool = True
    models: tuple[str, ...] = ()
    expected_s: float = 0.0
    expected_usd: Decimal | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    ended_by: str | None = None

    def subtask(self, number: int) -> SubtaskView | None:
        """The subtask with this number, if the plan has it."""
        return next((s for s in self.subtasks if s.number == number), None)

    def resting_on(self, number: int) -> set[int]:
        """The numbers of the subtasks that need this one, however far on."""
        held = {number}
        # Numbers and dependencies need not be in the same order.
        while more := {s.number for s in self.subtasks if held.intersection(s.after)} - held:
            held |= more
        return held - {number}

    @property
    def open_requests(self) -> tuple[RequestView, ...]:
        """The requests that wait for somebody."""
        return tuple(request for request in self.requests if request.is_open)

    @property
    def done(self) -> int:
        """How many subtasks have succeeded."""
        return sum(s.status is SubtaskStatus.SUCCEEDED for s in self.subtasks)

    @property
    def needs_attention(self) -> bool:
        """Whether nothing goes on until somebody answers."""
        busy = any(s.status in (SubtaskStatus.RUNNING, SubtaskStatus.READY) for s in self.subtasks)
        return bool(self.open_requests) and not busy


async def run_view(session: AsyncSession, run_id: str) -> RunView | None:
    """The view of a run; None where there is none of that id."""
    run = await session.get(Run, run_id)
    if run is None:
        return None
    requests = await _all(session, Request, run_id, "id")
    attempts: Sequence[Attempt] = []
    revisions: Sequence[PlanRevision] = []
    rows: Sequence[SubtaskRow] = []
    # The first reply to a mention waits for this: there is nothing more to a run without a plan.
    if requests or run.revision:
        attempts = await _all(session, Attempt, run_id, "id")
    if run.revision:
        revisions = await _all(session, PlanRevision, run_id, "number")
        rows = await _all(session, SubtaskRow, run_id, "number")
    current = next((r for r in revisions if r.number == run.revision), None)
    plan = Plan.model_validate(current.plan) if current else None
    expected: dict[int, float] = {}
    if plan is not None:
        learned = await learned_seconds(session, {s.role for s in plan.subtasks})
        expected = expected_seconds(plan, learned)
    return replace(
        bare_view(run),
        goal=plan.goal if plan else "",
        pattern=plan.pattern if plan else Pattern.GRAPH,
        subtasks=_subtasks(plan, rows, attempts, expected) if plan else (),
        revisions=tuple(
            RevisionView(r.number, r.source, r.author, r.feedback, tuple(r.repairs))
            for r in revisions
        ),
        requests=_requests(requests, attempts),
        answer=_answer(run, attempts),
        artifacts=await _artifacts(session, run),
        models=tuple(sorted({a.model for a in attempts if a.model and not a.error})),
        expected_usd=current.expected_usd if current else None,
        expected_s=_makespan(plan, expected, run.concurrency) if plan else 0.0,
    )


def bare_view(run: Run | Row[Any]) -> RunView:
    """What the run's own row says: all there is before it has a plan."""
    return RunView(
        id=run.id,
        name=run.name,
        team_id=run.team_id,
        version=run.version,
        task=run.task,
        note=run.note,
        missing=note_in(run.context),
        requester=run.requester,
        channel=run.channel,
        thread=run.thread,
        status=run.status,
        revision=run.revision,
        gaps=run.gaps,
        tokens=run.tokens,
        cost_usd=run.cost_usd,
        cost_known=run.cost_known,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        ended_by=run.ended_by,
    )


async def _all(session: AsyncSession, table: type[_T], run_id: str, order: str) -> Sequence[_T]:
    """The rows of `table` that belong to the run, in the order of a column."""
    columns = table.__table__.c  # type: ignore[attr-defined]
    query = select(table).where(columns.run_id == run_id).order_by(columns[order])
    if table is Attempt:
        query = query.options(*(defer(column) for column in _LARGE))  # type: ignore[arg-type]
    return (await session.exec(query)).all()


def _subtasks(
    plan: Plan,
    rows: Sequence[SubtaskRow],
    attempts: Sequence[Attempt],
    expected: Mapping[int, float],
) -> tuple[SubtaskView, ...]:
    progress = {row.number: row for row in rows}
    shown = graph.reduced({s.number: s.after for s in plan.subtasks})
    last = {a.subtask: a for a in attempts if a.purpose is Purpose.SUBTASK}
    by_id = {a.id: a for a in attempts}
    views = []
    for item in plan.subtasks:
        row, attempt = progress.get(item.number), last.get(item.number)
        output = by_id.get(row.output_attempt_id or "") if row else None
        views.append(
            SubtaskView(
                number=item.number,
                title=item.title,
                role=item.role,
                instructions=item.instructions,
                priority=item.priority,
                after=tuple(sorted(shown[item.number])),
                stage=item.stage,
                expected_s=expected[item.number],
                status=row.status if row else None,
                tries=row.tries if row else 0,
                started_at=attempt.started_at if attempt else None,
                seconds=_seconds(attempt),
                outcome=attempt.outcome if attempt else None,
                error=(attempt.error or "")[:_BEGINNING] or None if attempt else None,
                output=(output.output or "")[:_BEGINNING] if output else None,
            )
        )
    return tuple(views)


def _seconds(attempt: Attempt | None) -> float | None:
    if attempt is None or attempt.started_at is None or attempt.finished_at is None:
        return None
    return (attempt.finished_at - attempt.started_at).total_seconds()


def _requests(requests: Iterable[Request], attempts: Sequence[Attempt]) -> tuple[RequestView, ...]:
    by_id = {a.id: a for a in attempts}
    views = []
    for request in requests:
        attempt = by_id.get(request.attempt_id or "")
        views.append(
            RequestView(
                id=request.id,
                kind=request.kind,
                subtask=request.subtask,
                revision=request.revision,
                text=request.text,
                options=tuple(request.options),
                status=request.status,
                answer=request.answer,
                answer_text=request.answer_text,
                answered_by=request.answered_by,
                created_at=request.created_at,
                answered_at=request.answered_at,
                reminded_at=request.reminded_at,
                tries=attempt.number if attempt else 0,
                outcome=attempt.outcome if attempt else None,
                tool=_tool(request),
            )
        )
    return tuple(views)


def _tool(request: Request) -> ToolAsk | None:
    if request.kind is not RequestKind.TOOL:
        return None
    told = request.data or {}
    arguments = exact_json(told.get("arguments", {}))
    return ToolAsk(str(told.get("name", "")), arguments, bool(told.get("is_cut_off")))


def exact_json(value: Any) -> str:
    """Exactly this value, and as it looks: what could hide, reverse or notify is escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    return _DECEPTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _answer(run: Run, attempts: Iterable[Attempt]) -> AnswerView | None:
    for attempt in attempts:
        # Old results are deleted: what was said in the thread stays.
        if attempt.id == run.answer_attempt_id and attempt.output is not None:
            return AnswerView(run.answer_revision, attempt.output)
    return None


async def _artifacts(session: AsyncSession, run: Run) -> tuple[ArtifactView, ...]:
    """What the workers made, once there is an answer that it goes with."""
    if run.answer_attempt_id is None:
        return ()
    made = await session.exec(
        select(Artifact.id, Artifact.name, Artifact.subtask)
        .where(Artifact.run_id == run.id, col(Artifact.attempt_id).is_not(None))
        .order_by(col(Artifact.id))
    )
    return tuple(ArtifactView(*row) for row in made)


def _makespan(plan: Plan, expected: Mapping[int, float], concurrency: int) -> float:
    """Seconds the plan should take: what its longest path needs, or its work on all places."""
    longest = graph.remaining({s.number: s.after for s in plan.subtasks}, expected)
    return max(max(longest.values()), sum(expected.values()) / concurrency)


# --- how it went -----------------------------------------------------------------------------


async def attempt_views(session: AsyncSession, run_id: str) -> list[AttemptView]:
    """Every attempt of the run, in the order in which they were started."""
    return [_attempt_view(attempt) for attempt in await _all(session, Attempt, run_id, "id")]


def _attempt_view(attempt: Attempt) -> AttemptView:
    used = (attempt.input_tokens, attempt.cache_read_tokens, attempt.cache_write_tokens)
    return AttemptView(
        id=attempt.id,
        purpose=attempt.purpose,
        subtask=attempt.subtask,
        number=attempt.number,
        outcome=attempt.outcome,
        model=attempt.model,
        tokens=sum(used) + attempt.output_tokens,
        cost_usd=attempt.cost_usd,
        error=attempt.error,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
    )


async def subtask_history(session: AsyncSession, run_id: str, number: int) -> SubtaskHistory:
    """What a subtask was given, each attempt at it, what tools it used and what it brought."""
    query = select(Attempt).where(Attempt.run_id == run_id, Attempt.subtask == number)
    attempts = (await session.exec(query.order_by(col(Attempt.id)))).all()
    calls = await session.exec(
        select(ToolCallRow)
        .where(ToolCallRow.run_id == run_id, ToolCallRow.subtask == number)
        .order_by(col(ToolCallRow.id))
    )
    outputs = [attempt.output for attempt in attempts if attempt.output]
    return SubtaskHistory(
        given=_given(attempts[-1].prompt) if attempts else "",
        output=outputs[-1] if outputs else "",
        attempts=tuple(_attempt_view(attempt) for attempt in attempts),
        calls=tuple(
            ToolCallView(
                attempt_id=call.attempt_id,
                name=call.name,
                arguments=exact_json(call.arguments),
                status=call.status,
                output=call.output,
                is_error=call.is_error,
                decided_by=call.decided_by,
            )
            for call in calls
        ),
    )


_TOOL_BLOCKS = ("tool_use", "tool_result")


def _given(prompt: Mapping[str, Any] | None) -> str:
    """What an attempt was asked, without what every worker is told."""
    messages = (prompt or {}).get("messages") or []
    return "\n\n".join(filter(None, (_words(message.get("content")) for message in messages)))


def _words(content: Any) -> str:
    """The text of a message to a model; what is not text is named, but for uses of tools, which
    are told of with the attempt."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    parts = [block for block in blocks if not str(block.get("type")).endswith(_TOOL_BLOCKS)]
    return "\n".join(part.get("text") or f"({part.get('type', 'something')})" for part in parts)


# --- lists -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list: its state, progress and place, and what it needs from people."""

    id: str
    name: str
    task: str
    status: RunStatus
    requester: str
    channel: str | None
    thread: str | None
    created_at: datetime
    finished_at: datetime | None
    cost_usd: Decimal
    cost_known: bool
    gaps: int
    subtasks: int
    done: int
    needs: tuple[RequestKind, ...] = ()


async def run_rows(
    session: AsyncSession, *conditions: ColumnElement[bool], limit: int
) -> list[RunRow]:
    """The latest runs that meet `conditions`, newest first."""
    query = select(Run).where(*conditions).order_by(col(Run.id).desc())
    runs = (await session.exec(query.limit(limit))).all()
    ids = [run.id for run in runs]
    counts = await _subtask_counts(session, ids)
    needs = await _open_kinds(session, ids)
    return [
        RunRow(
            id=run.id,
            name=run.name,
            task=run.task,
            status=run.status,
            requester=run.requester,
            channel=run.channel,
            thread=run.thread,
            created_at=run.created_at,
            finished_at=run.finished_at,
            cost_usd=run.cost_usd,
            cost_known=run.cost_known,
            gaps=run.gaps,
            subtasks=sum(counts.get(run.id, {}).values()),
            done=counts.get(run.id, {}).get(SubtaskStatus.SUCCEEDED, 0),
            needs=needs.get(run.id, ()),
        )
        for run in runs
    ]


async def _subtask_counts(
    session: AsyncSession, ids: Sequence[str]
) -> dict[str, dict[SubtaskStatus, int]]:
    rows = await session.exec(
        select(col(SubtaskRow.run_id), col(SubtaskRow.status), func.count())
        .where(col(SubtaskRow.run_id).in_(ids))
        .group_by(col(SubtaskRow.run_id), col(SubtaskRow.status))
    )
    counts: dict[str, dict[SubtaskStatus, int]] = {}
    for run_id, status, count in rows:
        counts.setdefault(run_id, {})[status] = count
    return counts


async def _open_kinds(
    session: AsyncSession, ids: Sequence[str]
) -> dict[str, tuple[RequestKind, ...]]:
    rows = await session.exec(
        select(Request.run_id, Request.kind)
        .where(col(Request.run_id).in_(ids), Request.status == RequestStatus.OPEN)
        .order_by(col(Request.id))
    )
    kinds: dict[str, tuple[RequestKind, ...]] = {}
    for run_id, kind in rows:
        kinds[run_id] = (*kinds.get(run_id, ()), RequestKind(kind))
    return kinds
