"""What people can do to a run: typed commands, each one guarded change, each recorded.

A command either takes effect once or raises a `Refused` whose sentence says why not. Who may
give which command is decided by whoever passes it on; here only teams are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from orchestrator.events import Event
from orchestrator.plan import Plan
from orchestrator.store.tables import WhoActs, new_id


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who does something."""

    team_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: the run, a sentence for the person, and what happened.

    `run_id` is empty where it was about no run. `stops` says that work under way must be broken
    off.
    """

    run_id: str
    sentence: str
    events: tuple[Event, ...] = ()
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a deployment gives every run: attempts at once, limits (seconds), who approves."""

    concurrency: int = 5
    asks_changes: bool = False
    limit_tokens: int | None = None
    limit_usd: Decimal | None = None
    limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that comes with a task; `source` is where it can be got, `size` in bytes."""

    name: str
    mimetype: str
    size: int
    source: str


@dataclass(frozen=True, slots=True)
class Create:
    """Begin a run. `claim` is the key of the event it comes from: the same key makes one run.

    `defaults` are filled in by the orchestrator that carries it out; `concurrency` overrides them.
    """

    task: str
    channel: str | None = None
    thread: str | None = None
    context: str = ""
    claim: str | None = None
    auto_approve: bool = False
    concurrency: int | None = None
    defaults: Defaults | None = None
    files: tuple[NewFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Approve:
    """Let this revision of the plan run."""

    run_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `plan`, whose subtasks keep their numbers, in the place of this revision."""

    run_id: str
    revision: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class Replan:
    """Ask the planner again, with feedback on this revision."""

    run_id: str
    revision: int
    feedback: str


@dataclass(frozen=True, slots=True)
class Restate:
    """Plan again, with the task as it reads now, what nobody has approved yet."""

    run_id: str
    task: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not do this task."""

    run_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The subtasks as a person typed them, where the planner failed."""

    request_id: str
    typed: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run now."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Take dead letters out of the queue: one subtask, the answer's (None), or all there are.

    `instructions` and `role` replace what the plan says about the one subtask.
    """

    run_id: str
    subtask: int | None = None
    all: bool = False
    instructions: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Go on without a dead subtask, or (`all`) without everything that is not done."""

    run_id: str
    subtask: int | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a worker's question."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """One of the options of a request about the budget, the account or a change of the plan."""

    request_id: str
    option: int


@dataclass(frozen=True, slots=True)
class Redo:
    """Do a finished or skipped subtask again, with feedback, and all that rests on it."""

    run_id: str
    subtask: int
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A word to the reviewer and to the subtasks that have not started."""

    run_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SavePlaybook:
    """Keep the run's plan under a name, for tasks that say `use playbook NAME`."""

    run_id: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class RemovePlaybook:
    """Forget a playbook that was saved."""

    name: str


@dataclass(frozen=True, slots=True)
class AddSchedule:
    """Begin `task` in the channel again and again, when the cron expression says so in `timezone`.

    `id` is what the schedule's row will have.
    """

    task: str
    channel: str
    cron: str
    timezone: str = "UTC"
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class PauseSchedule:
    """Begin nothing until it is resumed; `trouble` says why where nobody asked for that."""

    name: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ResumeSchedule:
    """Go on with a paused schedule; what was due meanwhile is not made up for."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveSchedule:
    """Forget a schedule. The runs it began stay."""

    name: str


@dataclass(frozen=True, slots=True)
class FireSchedule:
    """Begin the run of a schedule that was due at `due`, once; it is `at` now."""

    id: str
    due: datetime
    at: datetime
    defaults: Defaults | None = None


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Who may act on the runs of a channel, who may start them, and what starts there without
    anybody's approval.

    `approvers` are ids of users and user groups. `starters` are kinds of people and ids; None is
    as the settings say. Plans of up to `auto_usd` and `auto_subtasks`
    start by themselves; where both are None, none does.
    """

    channel: str
    who: WhoActs
    approvers: tuple[str, ...] = ()
    auto_usd: Decimal | None = None
    auto_subtasks: int | None = None
    starters: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What a person thinks of the answer: `up` or `down`."""

    run_id: str
    verdict: str


Command = (
    Create
    | Approve
    | Edit
    | Replan
    | Restate
    | Reject
    | Breakdown
    | Stop
    | Retry
    | Skip
    | Answer
    | Choose
    | Redo
    | Guide
    | SavePlaybook
    | RemovePlaybook
    | AddSchedule
    | PauseSchedule
    | ResumeSchedule
    | RemoveSchedule
    | FireSchedule
    | SetPolicy
    | Rate
)
