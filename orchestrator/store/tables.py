"""The tables. They are the truth: whatever is shown anywhere is a view of these rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Enum,
    Index,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel
from uuid6 import UUID, uuid7

from orchestrator.model.base import Purpose
from orchestrator.store.clock import CLOCK, now

_MILLISECOND = timedelta(milliseconds=1)


class RunStatus(StrEnum):
    """Where a run stands."""

    PLANNING = "planning"
    PROPOSED = "proposed"
    RUNNING = "running"
    SYNTHESIZING = "synthesizing"
    COMPLETED = "completed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether anything can still happen by itself or by an answer."""
        return self in LIVE


LIVE = frozenset(
    {RunStatus.PLANNING, RunStatus.PROPOSED, RunStatus.RUNNING, RunStatus.SYNTHESIZING}
)


class SubtaskStatus(StrEnum):
    """Where a subtask stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class AttemptStatus(StrEnum):
    """Whether an attempt has been picked up and is over."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    EMPTY = "empty"
    INVALID = "invalid"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    ERRORED = "errored"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


class RequestKind(StrEnum):
    """What the run needs from a person."""

    APPROVAL = "approval"
    BREAKDOWN = "breakdown"
    QUESTION = "question"
    DEAD_LETTER = "dead_letter"
    TOOL = "tool"
    BUDGET = "budget"
    PLAN_CHANGE = "plan_change"
    ACCOUNT = "account"


class RequestStatus(StrEnum):
    """Whether somebody has answered; `closed` ones were overtaken by events."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class RevisionSource(StrEnum):
    """Who wrote a revision of the plan."""

    PLANNER = "planner"
    EDIT = "edit"
    BREAKDOWN = "breakdown"
    REVIEW = "review"
    RETRY = "retry"


class FileStatus(StrEnum):
    """Whether a file that was attached to a task has been read."""

    PENDING = "pending"
    READ = "read"
    REFUSED = "refused"


class ToolCallStatus(StrEnum):
    """How far a tool call has come; `running` is committed before it is made.

    A call that was cut off while it ran is never made again by itself: a person decides.
    """

    WAITING = "waiting"
    APPROVED = "approved"
    DENIED = "denied"
    RUNNING = "running"
    FINISHED = "finished"
    CUT_OFF = "cut_off"


class WhoActs(StrEnum):
    """Who may act on a run; workspace admins always may."""

    REQUESTER = "requester"
    CHANNEL = "channel"
    APPROVERS = "approvers"


class MessageStatus(StrEnum):
    """How far a message has come; `intent` is committed before it is posted."""

    INTENT = "intent"
    SHOWN = "shown"
    GONE = "gone"
    REFUSED = "refused"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times on every database; a naive one is a mistake and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Words(TypeDecorator[str]):
    """Words to search: as they are on SQLite, which has its own index of them."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        is_postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(TSVECTOR() if is_postgres else Text())


def new_id() -> str:
    """A UUIDv7: ids sort by the time they were made."""
    made = uuid7()
    if CLOCK.ahead:
        made = UUID(int=made.int - (round(CLOCK.ahead / _MILLISECOND) << 80), version=7)
    return str(made)


def row(record: SQLModel) -> dict[str, Any]:
    """The columns of `record`, for a Core insert."""
    return record.model_dump()


def new_row(table: type[SQLModel], **columns: Any) -> dict[str, Any]:
    """A row of `table` for a Core insert, at a tenth of the cost of `row(table(...))`.

    Columns that are not given and would be NULL are left out.
    """
    constant, made = _defaults(table)
    return constant | {name: make() for name, make in made.items()} | columns


@cache
def _defaults(table: type[SQLModel]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """What columns are filled with that are not given: values, and factories of values."""
    fields = table.model_fields.items()
    optional = {name: info for name, info in fields if not info.is_required()}
    made = {name: info.default_factory for name, info in optional.items() if info.default_factory}
    columns = table.__table__.columns  # type: ignore[attr-defined]
    constant = {
        name: info.default
        for name, info in optional.items()
        if name not in made and not (info.default is None and columns[name].nullable)
    }
    return constant, cast("dict[str, Callable[[], Any]]", made)


def id_floor(moment: datetime) -> str:
    """What every id that is made from `moment` on is greater than."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def deadline_of(limit_s: float | None) -> datetime | None:
    """When a run that starts now has used up its time; None without a limit."""
    return now() + timedelta(seconds=limit_s) if limit_s is not None else None


def _choice(choices: type[StrEnum], default: StrEnum | None = None, *, null: bool = False) -> Any:
    """A column that holds one of `choices` by its value."""
    kind = Enum(
        choices, native_enum=False, length=32, values_callable=lambda all_: [c.value for c in all_]
    )
    if default is None and not null:
        return Field(sa_column=Column(kind, nullable=False))
    return Field(default=default, sa_column=Column(kind, nullable=null))


class _Table(SQLModel):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


metadata = _Table.metadata


class Team(_Table, table=True):
    """A workspace. Everything else belongs to one and is never shown to another.

    `is_plain` remembers that it refuses plan blocks, `has_streams` that it takes streamed
    messages (None: not tried yet). `enterprise_id` is the organisation it belongs to, if any.
    `left_at` is when the app was removed from it.
    """

    id: str = Field(primary_key=True)
    name: str = ""
    is_plain: bool = False
    has_streams: bool | None = None
    enterprise_id: str | None = None
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Run(_Table, table=True):
    """One task's life.

    `asks_changes` says that a person approves what a review adds. `reviewed` and `replans` are
    how far reviews have come, `guidance` what people said to those who have not started. `limit_s`
    is in seconds; `deadline` is when they are over. Planning waits for `files_pending` attached
    files to be read.

    `version` counts every change; a view that shows an older one is behind (`shown_version`),
    and so is a run of which an older one was last advanced (`advanced_version`). `commands`
    counts what people did: a decision made before the latest command is void.
    """

    __table_args__ = (
        Index("uq_run_team_id_name", "team_id", "name", unique=True),
        Index("ix_run_team_id_id", "team_id", "id"),
        Index("ix_run_team_id_requester_id", "team_id", "requester", "id"),
        Index("ix_run_thread", "team_id", "channel", "thread"),
        Index(
            "ix_run_deadline",
            "deadline",
            sqlite_where=text("deadline IS NOT NULL"),
            postgresql_where=text("deadline IS NOT NULL"),
        ),
        Index(
            "ix_run_unadvanced",
            "id",
            sqlite_where=text("advanced_version < version"),
            postgresql_where=text("advanced_version < version"),
        ),
        Index(
            "ix_run_unshown",
            "id",
            sqlite_where=text("shown_version < version AND channel IS NOT NULL"),
            postgresql_where=text("shown_version < version AND channel IS NOT NULL"),
        ),
        Index(
            "ix_run_uncleared",
            "finished_at",
            sqlite_where=text("finished_at IS NOT NULL AND cleared_at IS NULL"),
            postgresql_where=text("finished_at IS NOT NULL AND cleared_at IS NULL"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    team_id: str = Field(foreign_key="team.id")
    name: str
    task: str = Field(sa_type=Text)
    note: str = Field(default="", sa_type=Text)
    context: str = Field(default="", sa_type=Text)
    requester: str
    channel: str | None = None
    thread: str | None = None
    status: RunStatus = _choice(RunStatus, RunStatus.PLANNING)
    revision: int = 0
    version: int = 1
    advanced_version: int = 0
    shown_version: int = 0
    commands: int = 0
    tries: int = 0
    failed: list[str] = Field(default_factory=list, sa_type=JSON)
    interruptions: int = 0
    attempt_id: str | None = None
    condensed: list[str] = Field(default_factory=list, sa_type=JSON)
    files_pending: int = 0
    answer_attempt_id: str | None = None
    answer_revision: int = 0
    gaps: int = 0
    auto_approve: bool = False
    asks_changes: bool = False
    concurrency: int = 5
    guidance: str = Field(default="", sa_type=Text)
    reviewed: int = 0
    replans: int = 0
    limit_tokens: int | None = None
    limit_usd: Decimal | None = Field(default=None, max_digits=14, decimal_places=6)
    limit_s: float | None = None
    deadline: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tokens: int = 0
    cost_usd: Decimal = Field(default=Decimal(0), max_digits=14, decimal_places=6)
    cost_known: bool = True
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = None
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RunText(_Table, table=True):
    """What runs are found by, the later ones with higher ids. Triggers keep it.

    `scope` says whose a run is, where, and how it stands; `words` are its name and its task. The
    index of both is another thing on each database: see the migration that makes it.
    """

    __tablename__ = "run_text"
    __table_args__ = (Index("uq_run_text_run_id", "run_id", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="run.id", ondelete="CASCADE")
    scope: str = Field(sa_type=_Words)
    words: str = Field(sa_type=_Words)


class PlanRevision(_Table, table=True):
    """What the plan said from this revision on; `plan` is its JSON form after the gate.

    `expected_usd` is what it should cost; None where a model's price is unknown.
    """

    __tablename__ = "plan_revision"

    run_id: str = Field(primary_key=True, foreign_key="run.id")
    number: int = Field(primary_key=True)
    source: RevisionSource = _choice(RevisionSource)
    author: str | None = None
    feedback: str = Field(default="", sa_type=Text)
    repairs: list[str] = Field(default_factory=list, sa_type=JSON)
    plan: dict[str, Any] = Field(sa_type=JSON)
    expected_usd: Decimal | None = Field(default=None, max_digits=14, decimal_places=6)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class SubtaskRow(_Table, table=True):
    """How a subtask goes. What it says is in the plan's revisions, under the same number.

    `failed` are the outcomes of the attempts since a person last had a say; `tries` counts all
    that were not interrupted.
    """

    __tablename__ = "subtask"

    run_id: str = Field(primary_key=True, foreign_key="run.id")
    number: int = Field(primary_key=True)
    status: SubtaskStatus = _choice(SubtaskStatus, SubtaskStatus.WAITING)
    tries: int = 0
    failed: list[str] = Field(default_factory=list, sa_type=JSON)
    interruptions: int = 0
    attempt_id: str | None = None
    output_attempt_id: str | None = None
    note: str = Field(default="", sa_type=Text)


class Attempt(_Table, table=True):
    """One model call that is recorded and retried. `subtask` is None for the run's own.

    `number` is 1 for the first attempt of its subtask (or of this planning, this synthesis);
    an interrupted attempt gives its number to the next.
    """

    __table_args__ = (
        Index("ix_attempt_run_id_subtask", "run_id", "subtask"),
        Index(
            "ix_attempt_unfinished",
            "id",
            sqlite_where=text("status != 'finished'"),
            postgresql_where=text("status != 'finished'"),
        ),
        Index("ix_attempt_role_finished_at", "role", "finished_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    subtask: int | None = None
    purpose: Purpose = _choice(Purpose)
    number: int = 1
    revision: int = 0
    role: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    status: AttemptStatus = _choice(AttemptStatus, AttemptStatus.QUEUED)
    outcome: Outcome | None = _choice(Outcome, null=True)
    worker: str | None = None
    prompt: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    output: str | None = Field(default=None, sa_type=Text)
    data: Any = Field(default=None, sa_type=JSON)
    error: str | None = Field(default=None, sa_type=Text)
    transcript: list[Any] | None = Field(default=None, sa_type=JSON)
    model: str | None = None
    model_request_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal | None = Field(default=None, max_digits=14, decimal_places=6)
    reserved_tokens: int = 0
    reserved_usd: Decimal = Field(default=Decimal(0), max_digits=14, decimal_places=6)
    queued_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def is_account_trouble(self) -> bool:
        """Whether it failed for a reason no retry changes: key, spend limit, model access."""
        return isinstance(self.data, dict) and bool(self.data.get("account"))


class Request(_Table, table=True):
    """Something a run needs from a person."""

    __table_args__ = (
        Index("ix_request_run_id", "run_id"),
        Index(
            "ix_request_open",
            "run_id",
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    kind: RequestKind = _choice(RequestKind)
    subtask: int | None = None
    attempt_id: str | None = None
    revision: int = 0
    text: str = Field(default="", sa_type=Text)
    options: list[str] = Field(default_factory=list, sa_type=JSON)
    data: Any = Field(default=None, sa_type=JSON)
    status: RequestStatus = _choice(RequestStatus, RequestStatus.OPEN)
    answer: str | None = None
    answer_text: str = Field(default="", sa_type=Text)
    answered_by: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    reminded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Artifact(_Table, table=True):
    """A file that belongs to a run: attached to the task, or made by a worker's attempt.

    `source` is where an attached one comes from, `summary` what planners are told of it, `note`
    what was trimmed, or why it could not be read. `size` is in bytes.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    run_id: str = Field(foreign_key="run.id", index=True)
    subtask: int | None = None
    attempt_id: str | None = None
    name: str
    mimetype: str = "application/octet-stream"
    size: int = 0
    source: str = ""
    status: FileStatus = _choice(FileStatus, FileStatus.READ)
    summary: str = Field(default="", sa_type=Text)
    note: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ArtifactContent(_Table, table=True):
    """What is in a file: its bytes, its text where it has any, and the shape of that: its kind,
    and where its pages or sheets begin."""

    __tablename__ = "artifact_content"

    artifact_id: str = Field(primary_key=True, foreign_key="artifact.id")
    content: bytes = Field(default=b"", sa_type=LargeBinary)
    text: str | None = Field(default=None, sa_type=Text)
    shape: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class ToolCallRow(_Table, table=True):
    """One use of a tool by a worker; `call_id` is its name in the attempt's transcript."""

    __tablename__ = "tool_call"
    __table_args__ = (
        Index("uq_tool_call_attempt_id_call_id", "attempt_id", "call_id", unique=True),
        Index("ix_tool_call_run_id_subtask", "run_id", "subtask"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    attempt_id: str
    subtask: int | None = None
    call_id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    status: ToolCallStatus = _choice(ToolCallStatus, ToolCallStatus.RUNNING)
    output: str | None = Field(default=None, sa_type=Text)
    is_error: bool = False
    decided_by: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Schedule(_Table, table=True):
    """A task that is begun again and again. `next_at` is when it is due next; None while paused.

    It is moved on in the transaction that begins the run, so that a due time fires once. `trouble`
    says why it is paused where nobody paused it.
    """

    __table_args__ = (
        Index("uq_schedule_team_id_name", "team_id", "name", unique=True),
        Index("ix_schedule_next_at", "next_at"),
        Index("ix_schedule_team_id_user_id", "team_id", "user_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    team_id: str = Field(foreign_key="team.id")
    name: str
    channel: str
    user_id: str
    cron: str
    timezone: str = "UTC"
    task: str = Field(sa_type=Text)
    is_paused: bool = False
    trouble: str = ""
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_run_id: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ChannelPolicy(_Table, table=True):
    """What holds in one channel: who may act (`approvers` are ids of users and user groups), who
    may start runs (`starters`; None: as the settings say), and up to how many USD and subtasks a
    plan starts without being asked about."""

    __tablename__ = "channel_policy"

    team_id: str = Field(primary_key=True, foreign_key="team.id")
    channel: str = Field(primary_key=True)
    who: WhoActs = _choice(WhoActs, WhoActs.REQUESTER)
    approvers: list[str] = Field(default_factory=list, sa_type=JSON)
    starters: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    auto_usd: Decimal | None = Field(default=None, max_digits=14, decimal_places=6)
    auto_subtasks: int | None = None
    updated_by: str | None = None
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Process(_Table, table=True):
    """A running process; one that has not been seen for a while is taken to be dead."""

    id: str = Field(primary_key=True)
    kind: str
    version: str = ""
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Lease(_Table, table=True):
    """Who alone does something for a while, such as publishing for a workspace."""

    key: str = Field(primary_key=True)
    holder: str
    until: datetime = Field(sa_type=UtcDateTime)


class ModelLimits(_Table, table=True):
    """What processes know together of the rate limits of a model, in the form of `Limits`."""

    __tablename__ = "model_limits"

    model: str = Field(primary_key=True)
    limits: dict[str, Any] = Field(sa_type=JSON)


class OldestCode(_Table, table=True):
    """The oldest code that may use these tables, by the last migration it knows. One row."""

    __tablename__ = "oldest_code"

    revision: str = Field(primary_key=True)


class Moved(_Table, table=True):
    """How far the rows of a table have been moved here: up to the key `after`. Gone at the end."""

    name: str = Field(primary_key=True)
    after: list[Any] = Field(sa_type=JSON)
    rows: int = 0


class EventRow(_Table, table=True):
    """Something that happened to a run, in the order it was committed."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_run_id_id", "run_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    kind: str
    subtask: int | None = None
    attempt_id: str | None = None
    actor: str | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class PlaybookRow(_Table, table=True):
    """A plan that was saved for later, in its JSON form with blanks."""

    __tablename__ = "playbook"

    team_id: str = Field(primary_key=True, foreign_key="team.id")
    name: str = Field(primary_key=True)
    description: str = Field(default="", sa_type=Text)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    plan: dict[str, Any] = Field(sa_type=JSON)
    author: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Message(_Table, table=True):
    """A message in a thread, as the view of a run's row. `ts` is its id once it is posted."""

    __table_args__ = (Index("uq_message_run_id_key", "run_id", "key", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    key: str
    channel: str
    thread: str | None = None
    ts: str | None = None
    status: MessageStatus = _choice(MessageStatus, MessageStatus.INTENT)
    shown_version: int = 0
    payload_hash: str = ""
    error: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ProcessedEvent(_Table, table=True):
    """An event from outside that has been taken; the key makes a second delivery harmless."""

    __tablename__ = "processed_event"

    team_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ToldFiles(_Table, table=True):
    """Files that were told of (`NewFile` as JSON) before a run began to wait for `source`."""

    __tablename__ = "told_files"

    team_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    files: list[dict[str, Any]] = Field(sa_type=JSON)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
