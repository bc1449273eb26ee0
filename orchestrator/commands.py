"""What people can do to a run: typed commands, each one guarded change, each recorded.

A command either takes effect once or raises a `Refused` whose sentence says why not. Who may
give which command is decided by whoever passes it on; here only teams are kept apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from orchestrator import gate, graph, playbooks, reviewer, text
from orchestrator.errors import Conflict, InvalidInput, NotFound, Outdated
from orchestrator.events import Event, EventKind
from orchestrator.gate import Gatekeeping
from orchestrator.plan import Pattern, Plan, from_text
from orchestrator.reviewer import Review
from orchestrator.state import STARTABLE, edges
from orchestrator.store import changes
from orchestrator.store.tables import (
    PlanRevision,
    PlaybookRow,
    ProcessedEvent,
    Request,
    RequestKind,
    RequestStatus,
    RevisionSource,
    Run,
    RunStatus,
    SubtaskStatus,
    Team,
    deadline_of,
    now,
    row,
)

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME_LENGTHS = (4, 4, 4, 5, 5, 6, 8)
# A run whose planning a person has had a say in.
_FRESH: dict[str, Any] = {"tries": 0, "failed": [], "interruptions": 0, "attempt_id": None}


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who does something."""

    team_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: the run, a sentence for the person, and what happened.

    `stops` says that work under way must be broken off.
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
class Rate:
    """What a person thinks of the answer: `up` or `down`."""

    run_id: str
    verdict: str


Command = (
    Create
    | Approve
    | Edit
    | Replan
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
    | Rate
)

_AT_WORK = (RunStatus.RUNNING, RunStatus.SYNTHESIZING)
_CHOICES = (RequestKind.BUDGET, RequestKind.ACCOUNT, RequestKind.PLAN_CHANGE)


def perform(
    connection: Connection, command: Command, actor: Actor, gatekeeping: Gatekeeping
) -> Done:
    """Carry out `command` in the present transaction. Raises Refused."""
    match command:
        case Create():
            return _create(connection, command, actor)
        case Breakdown() | Answer() | Choose():
            request = _request(connection, command.request_id)
            return _Act(connection, request["run_id"], actor, gatekeeping).answer(request, command)
        case _:
            return _Act(connection, command.run_id, actor, gatekeeping).perform(command)


# --- create ------------------------------------------------------------------------------


def _create(connection: Connection, command: Create, actor: Actor) -> Done:
    task = text.block(command.task)
    if not task:
        raise InvalidInput("There is no task in that. Say what you want done.")
    _insert_once(connection, Team(id=actor.team_id))
    if command.claim is not None:
        claim(connection, actor.team_id, command.claim)
    defaults = asdict(command.defaults or Defaults())
    if command.concurrency is not None:
        defaults["concurrency"] = command.concurrency
    run = Run(
        team_id=actor.team_id,
        name=_free_name(connection, actor.team_id),
        task=task,
        context=text.block(command.context),
        requester=actor.user_id,
        channel=command.channel,
        thread=command.thread,
        auto_approve=command.auto_approve,
        **defaults,
    )
    connection.execute(sa.insert(changes.run), [row(run)])
    event = Event(EventKind.RUN_CREATED, run.id, actor=actor.user_id)
    changes.add_events(connection, [event])
    return Done(run.id, f"{run.name} is being planned.", (event,))


def claim(connection: Connection, team_id: str, key: str) -> None:
    """Take an event from outside as ours. Raises Outdated when it has been taken before."""
    if not _insert_once(connection, ProcessedEvent(team_id=team_id, key=key)):
        raise Outdated("That was taken up already.")


def _insert_once(connection: Connection, record: SQLModel) -> bool:
    """Insert `record` unless its key is there; whether it was inserted."""
    is_postgres = connection.dialect.name == "postgresql"
    insert: Any = postgresql.insert if is_postgres else sqlite.insert
    statement = insert(type(record).__table__).values(row(record))  # type: ignore[attr-defined]
    # Not every driver counts the rows of an insert.
    once = statement.on_conflict_do_nothing().returning(sa.literal_column("1"))
    return connection.execute(once).first() is not None


def _free_name(connection: Connection, team_id: str) -> str:
    for length in _NAME_LENGTHS:
        name = "R-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
        taken = sa.select(changes.run.c.id).where(
            changes.run.c.team_id == team_id, changes.run.c.name == name
        )
        if connection.execute(taken).first() is None:
            return name
    raise Conflict("no short name is free")


# --- everything about an existing run ------------------------------------------------------


def _request(connection: Connection, request_id: str) -> dict[str, Any]:
    table = changes.request
    found = connection.execute(sa.select(table).where(table.c.id == request_id)).mappings().first()
    if found is None:
        raise NotFound("That question no longer exists.")
    return dict(found)


@dataclass(slots=True)
class _Act:
    """One command on one run, inside one transaction."""

    connection: Connection
    run_id: str
    actor: Actor
    gatekeeping: Gatekeeping
    run: Any = field(init=False)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        table = changes.run
        self.run = self.connection.execute(
            sa.select(table)
            .where(table.c.id == self.run_id, table.c.team_id == self.actor.team_id)
            .with_for_update()
        ).first()
        if self.run is None:
            raise NotFound("That run no longer exists.")

    def perform(self, command: Command) -> Done:
        match command:
            case Approve(revision=revision):
                return self._approve(revision)
            case Edit(revision=revision, plan=plan):
                return self._edit(revision, plan)
            case Replan(revision=revision, feedback=feedback):
                return self._replan(revision, feedback)
            case Reject(revision=revision):
                return self._reject(revision)
            case SavePlaybook():
                return self._save_playbook(command)
            case _:
                return self._perform_on_work(command)

    def _perform_on_work(self, command: Command) -> Done:
        match command:
            case Stop():
                return self._stop()
            case Retry():
                return self._retry(command)
            case Skip():
                return self._skip(command)
            case Redo(subtask=subtask, feedback=feedback):
                return self._redo(subtask, feedback)
            case Guide(text=said):
                return self._guide(said)
            case Rate(verdict=verdict):
                self._event(EventKind.RUN_RATED, verdict=verdict)
                return self._done("Thank you for the feedback.")
        raise AssertionError(command)

    def answer(self, request: dict[str, Any], command: Breakdown | Answer | Choose) -> Done:
        if isinstance(command, Breakdown):
            return self._breakdown(request, command.typed)
        if isinstance(command, Choose):
            return self._choose(request, command.option)
        return self._answer(request, command.text)

    # -- the plan

    def _approve(self, revision: int) -> Done:
        self._check_proposed(revision)
        self._close_approval(revision, "Approve")
        plan = self._plan()
        self.connection.execute(sa.insert(changes.subtask), changes.new_subtasks(self.run_id, plan))
        self._event(EventKind.PLAN_APPROVED, revision=revision)
        self._change(
            status=RunStatus.RUNNING,
            started_at=now(),
            deadline=deadline_of(self.run.limit_s),
            tries=0,
            failed=[],
        )
        return self._done(f"{self.run.name} starts with {_count(plan)}.")

    def _edit(self, revision: int, plan: Plan) -> Done:
        self._check_proposed(revision)
        gated = self._gate(plan)
        if gated.plan == self._plan():
            raise InvalidInput("Nothing was changed.")
        self._close_approval(revision, "Edit")
        number = self._new_revision(gated, RevisionSource.EDIT)
        self._event(EventKind.PLAN_CHANGED, revision=number)
        self._change(revision=number)
        return self._done(f"The plan of {self.run.name} is now revision {number}.")

    def _replan(self, revision: int, feedback: str) -> Done:
        self._check_proposed(revision)
        wish = text.block(feedback)
        if not wish:
            raise InvalidInput("Say what the new plan should do differently.")
        self._close_approval(revision, "Re-plan")
        self._event(EventKind.REPLAN_ASKED, feedback=wish)
        self._change(status=RunStatus.PLANNING, note=wish, **_FRESH)
        return self._done(f"{self.run.name} is being planned again.")

    def _reject(self, revision: int) -> Done:
        self._check_proposed(revision)
        self._close_approval(revision, "Reject")
        self._event(EventKind.PLAN_REJECTED, revision=revision)
        self._change(status=RunStatus.REJECTED, finished_at=now(), ended_by=self.actor.user_id)
        return self._done(f"{self.run.name} was rejected; nothing was run.")

    def _breakdown(self, request: dict[str, Any], typed: str) -> Done:
        self._take(request, RequestKind.BREAKDOWN)
        base = Plan(goal=text.shorten(text.one_line(self.run.task), 200), subtasks=())
        gated = self._gate(from_text(typed, base), keep_numbers=False)
        self._mark_answered(request["id"], "Breakdown", typed)
        number = self._new_revision(gated, RevisionSource.BREAKDOWN)
        self._event(EventKind.PLAN_PROPOSED, revision=number)
        self._change(status=RunStatus.PROPOSED, revision=number, **_FRESH)
        return self._done(f"The plan of {self.run.name} has {_count(gated.plan)}.")

    def _check_proposed(self, revision: int) -> None:
        if self.run.status is RunStatus.PROPOSED and self.run.revision == revision:
            return
        by = self._who_decided(revision)
        if self.run.status is RunStatus.PROPOSED or self.run.revision > revision:
            raise Outdated(
                f"That was revision {revision} of the plan; there is a newer one now.", by=by
            )
        raise Outdated(f"That was decided already: {_status(self.run.status)}.", by=by)

    def _who_decided(self, revision: int) -> str | None:
        table = changes.request
        return self.connection.execute(
            sa.select(table.c.answered_by).where(
                table.c.run_id == self.run_id,
                table.c.kind == RequestKind.APPROVAL,
                table.c.revision == revision,
            )
        ).scalar()

    def _close_approval(self, revision: int, answer: str) -> None:
        table = changes.request
        closed = self.connection.execute(
            sa.update(table)
            .where(
                table.c.run_id == self.run_id,
                table.c.kind == RequestKind.APPROVAL,
                table.c.revision == revision,
                table.c.status == RequestStatus.OPEN,
            )
            .values(self._answered(answer))
        )
        if closed.rowcount != 1:
            raise Outdated("That was decided already.", by=self._who_decided(revision))

    def _new_revision(self, gated: gate.Gated, source: RevisionSource) -> int:
        number = int(self.run.revision) + 1
        revision = PlanRevision(
            run_id=self.run_id,
            number=number,
            source=source,
            author=self.actor.user_id,
            repairs=list(gated.repairs),
            plan=gated.plan.to_json(),
            expected_usd=self.gatekeeping.expected_usd(self.run.task, gated.plan),
        )
        self.connection.execute(sa.insert(changes.revision), [row(revision)])
        if self.run.status in (RunStatus.PROPOSED, RunStatus.PLANNING):
            request = Request(run_id=self.run_id, kind=RequestKind.APPROVAL, revision=number)
            self.connection.execute(sa.insert(changes.request), [row(request)])
        return number

    def _gate(self, plan: Plan, *, keep_numbers: bool = True) -> gate.Gated:
        return gate.check(
            plan,
            self.gatekeeping.roles,
            self.gatekeeping.tools,
            self.gatekeeping.max_subtasks,
            keep_numbers=keep_numbers,
        )

    def _plan(self) -> Plan:
        table = changes.revision
        stored = self.connection.execute(
            sa.select(table.c.plan).where(
                table.c.run_id == self.run_id, table.c.number == self.run.revision
            )
        ).scalar_one()
        return Plan.model_validate(stored)

    # -- the work

    def _stop(self) -> Done:
        if not self.run.status.is_live:
            raise Outdated(f"{self.run.name} is over already: {_status(self.run.status)}.")
        changes.close_requests(self.connection, self.run_id)
        changes.cancel_work(self.connection, self.run_id)
        self._event(EventKind.RUN_STOPPED)
        self._change(
            status=RunStatus.STOPPED,
            attempt_id=None,
            finished_at=now(),
            ended_by=self.actor.user_id,
        )
        return self._done(f"{self.run.name} was stopped.", stops=True)

    def _retry(self, command: Retry) -> Done:
        requests = self._dead_letters(command.subtask, everything=command.all)
        if command.instructions is not None or command.role is not None:
            self._rewrite(command)
        for request in requests:
            self._mark_answered(request.id, "Retry")
            if request.subtask is not None:
                self._revive(request.subtask)
            self._event(EventKind.SUBTASK_RETRIED, request.subtask)
        changed: dict[str, Any] = {}
        if any(request.subtask is None for request in requests):
            changed = {"failed": [], "interruptions": 0}
        self._change(**changed)
        return self._done(f"{text.plural(len(requests), 'dead letter')} will be tried again.")

    def _skip(self, command: Skip) -> Done:
        requests = self._dead_letters(command.subtask, everything=command.all)
        for request in requests:
            self._mark_answered(request.id, "Answer with what we have" if command.all else "Skip")
        given_up = [r.subtask for r in requests if r.subtask is not None]
        if command.all:
            given_up = self._unfinished()
        if not given_up:
            raise InvalidInput("Without an answer there is nothing to skip to: retry or stop.")
        if command.all:
            changes.close_requests(self.connection, self.run_id)
        self._give_up(given_up)
        self._change(**self._without_reviews() if command.all else {})
        return self._done(f"{text.plural(len(given_up), 'subtask')} skipped.")

    def _answer(self, request: dict[str, Any], typed: str) -> Done:
        self._take(request, RequestKind.QUESTION)
        said = text.block(typed)
        if not said:
            raise InvalidInput("The answer is empty.")
        self._mark_answered(request["id"], "Answer", said)
        self._set_status(request["subtask"], SubtaskStatus.PAUSED, SubtaskStatus.READY)
        self._event(EventKind.QUESTION_ANSWERED, request["subtask"])
        self._change()
        return self._done(f"Subtask {request['subtask']} goes on with the answer.")

    def _redo(self, number: int, feedback: str) -> Done:
        """Back to ready, and everything that rests on it back to waiting."""
        if self.run.status not in (*_AT_WORK, RunStatus.COMPLETED):
            raise Outdated(f"Nothing can be redone now: {_status(self.run.status)}.")
        plan = self._plan()
        wish = text.block(feedback)
        again = (SubtaskStatus.SUCCEEDED, SubtaskStatus.SKIPPED)
        if not self._start_over([number], again, SubtaskStatus.READY, note=wish):
            raise Outdated(f"Subtask {number} is not finished, so it cannot be redone yet.")
        dependents = sorted(graph.descendants(dict(edges(plan)), number))
        every = [s for s in SubtaskStatus if s is not SubtaskStatus.CANCELLED]
        self._start_over(dependents, every, SubtaskStatus.WAITING)
        table = changes.request
        is_of_answer = sa.and_(table.c.kind == RequestKind.DEAD_LETTER, table.c.subtask.is_(None))
        changes.close_requests(
            self.connection, self.run_id, table.c.subtask.in_(dependents) | is_of_answer
        )
        changes.cancel_attempts(self.connection, self.run_id, [*dependents, None])
        self._event(EventKind.SUBTASK_SUPERSEDED, number, feedback=wish, dependents=dependents)
        self._change(
            status=RunStatus.RUNNING,
            tries=0,
            failed=[],
            interruptions=0,
            attempt_id=None,
            condensed=[],
            reviewed=self._still_reviewed(plan, number),
            finished_at=None,
            **self._restarted(),
        )
        more = f", and {text.plural(len(dependents), 'subtask')} after it" if dependents else ""
        return self._done(f"Subtask {number} is done again{more}.")

    def _still_reviewed(self, plan: Plan, number: int) -> int:
        """What the reviews have seen and the redo of the subtask leaves as it is."""
        if plan.pattern is Pattern.STAGED:
            left = (plan.subtask(number).stage or 1) - 1
        else:
            left = len(self._numbers((SubtaskStatus.SUCCEEDED,)))
        return min(int(self.run.reviewed), left)

    def _restarted(self) -> dict[str, Any]:
        """The time a run gets that was over already."""
        if self.run.status is not RunStatus.COMPLETED:
            return {}
        return {"deadline": deadline_of(self.run.limit_s)}

    def _start_over(
        self,
        numbers: list[int],
        left: Sequence[SubtaskStatus],
        status: SubtaskStatus,
        **values: Any,
    ) -> int:
        table = changes.subtask
        return self.connection.execute(
            sa.update(table)
            .where(
                table.c.run_id == self.run_id,
                table.c.number.in_(numbers),
                table.c.status.in_(left),
            )
            .values(
                status=status,
                failed=[],
                interruptions=0,
                attempt_id=None,
                output_attempt_id=None,
                **values,
            )
        ).rowcount

    def _guide(self, said: str) -> Done:
        guidance = text.block(said)
        if not guidance:
            raise InvalidInput("Say what those who have not started yet should know.")
        if self.run.status is not RunStatus.RUNNING:
            raise Outdated(f"Nobody is left to be guided: {_status(self.run.status)}.")
        self._event(EventKind.RUN_GUIDED, text=guidance)
        both = f"{self.run.guidance}\n{guidance}".strip()
        self._change(guidance=both)
        return self._done("Noted: the subtasks that have not started yet will know.")

    def _save_playbook(self, command: SavePlaybook) -> Done:
        name = playbooks.named(command.name)
        if not self.run.revision:
            raise InvalidInput("There is no plan to save yet.")
        plan = self._plan()
        saved = PlaybookRow(
            team_id=self.actor.team_id,
            name=name,
            description=text.one_line(command.description) or plan.goal,
            plan=plan.to_json(),
            author=self.actor.user_id,
        )
        if not _insert_once(self.connection, saved):
            raise InvalidInput(f"There is a playbook named {name} already; choose another name.")
        self._event(EventKind.PLAYBOOK_SAVED, name=name)
        return self._done(f"Saved. Start it with: use playbook {name}")

    def _choose(self, request: dict[str, Any], option: int) -> Done:
        if request["kind"] not in _CHOICES:
            raise NotFound("That question no longer exists.")
        self._take(request, request["kind"])
        options = request["options"]
        if not 0 <= option < len(options):
            raise InvalidInput("There is no such option.")
        self._mark_answered(request["id"], options[option])
        self._event(EventKind.RUN_RESUMED, answer=options[option])
        match request["kind"], option:
            case RequestKind.BUDGET, 0:
                self._change(**self._raised(request["data"] or {}))
                return self._done("The budget is raised; the run goes on.")
            case RequestKind.BUDGET, _:
                return self._answer_with_rest()
            case RequestKind.PLAN_CHANGE, 0:
                return self._change_plan(request["data"])
            case _:
                self._change()
                return self._done("The run goes on.")

    def _raised(self, more: dict[str, Any]) -> dict[str, Any]:
        """Every limit of the run, with as much again from where it is now."""
        raised: dict[str, Any] = {}
        if self.run.limit_tokens is not None:
            used = max(self.run.limit_tokens, self.run.tokens)
            raised["limit_tokens"] = used + (more.get("tokens") or 0)
        if self.run.limit_usd is not None:
            used_usd = max(self.run.limit_usd, self.run.cost_usd)
            raised["limit_usd"] = used_usd + Decimal(more.get("usd") or 0)
        if self.run.limit_s is not None:
            raised["deadline"] = deadline_of(self.run.limit_s)
        return raised

    def _answer_with_rest(self) -> Done:
        """The answer is still to be paid: its cost is let through on top of the budget."""
        if self.run.status is RunStatus.PLANNING:
            raise InvalidInput("There is nothing to answer with yet: allow more, or stop the run.")
        changes.close_requests(self.connection, self.run_id)
        given_up = self._give_up(self._unfinished())
        unlimited = {"limit_tokens": None, "limit_usd": None, "deadline": None}
        self._change(**unlimited, **self._without_reviews())
        return self._done(f"{text.plural(given_up, 'subtask')} skipped; the answer follows.")

    def _without_reviews(self) -> dict[str, Any]:
        """Whoever wants the answer now wants no more work to be found."""
        if self.run.status is not RunStatus.RUNNING:
            return {}
        changes.cancel_attempts(self.connection, self.run_id, [None])
        return {"attempt_id": None, "reviewed": len(self._plan().subtasks)}

    def _change_plan(self, data: dict[str, Any]) -> Done:
        plan = self._plan()
        changeable = self._numbers(STARTABLE)
        reviewed = reviewer.apply(plan, Review.model_validate(data), changeable, self.gatekeeping)
        if not reviewed.made:
            self._change()
            return self._done("Nothing of it can be changed any more; the run goes on.")
        number = int(self.run.revision) + 1
        expected = self.gatekeeping.expected_usd(self.run.task, reviewed.plan)
        changed = changes.changed_plan(self.run_id, number, plan, reviewed, expected)
        self.connection.execute(
            sa.insert(changes.revision), [changed.revision | {"author": self.actor.user_id}]
        )
        if changed.new_subtasks:
            self.connection.execute(sa.insert(changes.subtask), changed.new_subtasks)
        if changed.dropped:
            self._start_over(changed.dropped, [*STARTABLE], SubtaskStatus.CANCELLED)
        self._event(EventKind.PLAN_CHANGED, revision=number, left_out=list(reviewed.left_out))
        self._change(revision=number, replans=self.run.replans + 1)
        return self._done(f"The plan is now revision {number}; the run goes on.")

    def _dead_letters(self, subtask: int | None, *, everything: bool) -> list[Any]:
        table = changes.request
        query = sa.select(table).where(
            table.c.run_id == self.run_id, table.c.kind == RequestKind.DEAD_LETTER
        )
        if not everything:
            query = query.where(table.c.subtask.is_not_distinct_from(subtask))
        found = self.connection.execute(query.order_by(table.c.id.desc())).all()
        still_open = [request for request in found if request.status is RequestStatus.OPEN]
        if still_open and self.run.status.is_live:
            return still_open[::-1]
        if found:
            raise Outdated("That dead letter was dealt with already.", by=found[0].answered_by)
        raise NotFound("There is no such dead letter in this run.")

    def _rewrite(self, command: Retry) -> None:
        assert command.subtask is not None
        plan = self._plan()
        changed: dict[str, Any] = {}
        if command.instructions is not None:
            changed["instructions"] = text.block(command.instructions)
        if command.role is not None:
            changed["role"] = text.one_line(command.role)
        subtasks = tuple(
            item.model_copy(update=changed) if item.number == command.subtask else item
            for item in plan.subtasks
        )
        gated = self._gate(plan.model_copy(update={"subtasks": subtasks}))
        if gated.plan != plan:
            number = self._new_revision(gated, RevisionSource.RETRY)
            self._change_columns(revision=number)

    def _revive(self, number: int) -> None:
        self._set_status(
            number, SubtaskStatus.DEAD, SubtaskStatus.READY, failed=[], interruptions=0
        )

    def _set_status(
        self, number: int, left: SubtaskStatus, status: SubtaskStatus, **values: Any
    ) -> None:
        table = changes.subtask
        changed = self.connection.execute(
            sa.update(table)
            .where(table.c.run_id == self.run_id, table.c.number == number, table.c.status == left)
            .values(status=status, attempt_id=None, **values)
        )
        if changed.rowcount != 1:
            raise Outdated(f"Subtask {number} has moved on.")

    def _give_up(self, numbers: list[int]) -> int:
        table = changes.subtask
        self.connection.execute(
            sa.update(table)
            .where(table.c.run_id == self.run_id, table.c.number.in_(numbers))
            .values(status=SubtaskStatus.SKIPPED, attempt_id=None)
        )
        for number in numbers:
            self._event(EventKind.SUBTASK_SKIPPED, number)
        return len(numbers)

    def _unfinished(self) -> list[int]:
        return self._numbers((*STARTABLE, SubtaskStatus.PAUSED, SubtaskStatus.DEAD))

    def _numbers(self, statuses: Collection[SubtaskStatus]) -> list[int]:
        table = changes.subtask
        return list(
            self.connection.execute(
                sa.select(table.c.number).where(
                    table.c.run_id == self.run_id, table.c.status.in_(statuses)
                )
            ).scalars()
        )

    # -- requests, events, the end

    def _take(self, request: dict[str, Any], kind: RequestKind) -> None:
        if request["kind"] is not kind:
            raise NotFound("That question no longer exists.")
        if request["status"] is not RequestStatus.OPEN or not self.run.status.is_live:
            raise Outdated("That was answered already.", by=request["answered_by"])

    def _mark_answered(self, request_id: str, answer: str, typed: str = "") -> None:
        table = changes.request
        marked = self.connection.execute(
            sa.update(table)
            .where(table.c.id == request_id, table.c.status == RequestStatus.OPEN)
            .values({**self._answered(answer), "answer_text": text.clean(typed)})
        )
        if marked.rowcount != 1:
            raise Outdated("That was answered already.")

    def _answered(self, answer: str) -> dict[str, Any]:
        return {
            "status": RequestStatus.ANSWERED,
            "answer": answer,
            "answered_by": self.actor.user_id,
            "answered_at": now(),
        }

    def _event(self, kind: EventKind, subtask: int | None = None, **data: Any) -> None:
        self.events.append(Event(kind, self.run_id, subtask, None, self.actor.user_id, data))

    def _change(self, **columns: Any) -> None:
        """Count the command, so that no decision made before it can still be committed."""
        table = changes.run
        self._change_columns(
            commands=table.c.commands + 1,
            version=table.c.version + 1,
            updated_at=now(),
            **columns,
        )

    def _change_columns(self, **columns: Any) -> None:
        table = changes.run
        self.connection.execute(sa.update(table).where(table.c.id == self.run_id).values(columns))

    def _done(self, sentence: str, *, stops: bool = False) -> Done:
        changes.add_events(self.connection, self.events)
        return Done(self.run_id, sentence, tuple(self.events), stops)


def _count(plan: Plan) -> str:
    return text.plural(len(plan.subtasks), "subtask")


def _status(status: RunStatus) -> str:
    return f"the run is {status.value}"
