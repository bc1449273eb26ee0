"""Reading a run's state back from its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import attempts, budget
from orchestrator.actions import Finished
from orchestrator.attempts import Parameters
from orchestrator.budget import NOTHING, Budget, Cost, Price, free
from orchestrator.context import AttachedFile
from orchestrator.model.base import Purpose
from orchestrator.plan import SECONDS_BY_SIZE, Pattern, Plan, Subtask
from orchestrator.policies import EVERY_PLAN, AutoApproval, Proposal, within
from orchestrator.roles import Roles
from orchestrator.settings import Settings
from orchestrator.state import Limits, OpenRequest, Progress, RunState, Work, edges, works
from orchestrator.store.changes import Basis
from orchestrator.store.tables import (
    Artifact,
    Attempt,
    AttemptStatus,
    ChannelPolicy,
    FileStatus,
    Outcome,
    PlanRevision,
    Request,
    RequestStatus,
    Run,
    RunStatus,
    SubtaskRow,
)
from orchestrator.tools.local import OFFERS

# Expected seconds of each subtask of a plan, by number.
Estimate = Callable[[Plan], Mapping[int, float]]

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is the same for all runs of a process."""

    roles: Roles
    settings: Settings
    limits: Limits
    price: Price = free
    estimate: Estimate | None = None

    @classmethod
    def of(
        cls, roles: Roles, settings: Settings, price: Price, estimate: Estimate | None = None
    ) -> Deployment:
        """A deployment with the limits of its settings."""
        limits = Limits(subtask_attempts=settings.subtask_attempts, replans=settings.max_replans)
        return cls(roles, settings, limits, price, estimate)


_HISTORY = 50
# As many calls of its model as a worker may need whose tools fetch things from elsewhere; it is
# told to stop when what was set aside is used up.
_CALLS_WITH_TOOLS = 3


@dataclass(slots=True)
class Live:
    """A run in memory: a cache of its rows as of `run.version`.

    `notes` are people's words to single subtasks. `shared` is what all its workers are told, kept
    here by whoever first needs it. `outputs` are those that are known already, by attempt.
    """

    run: Run
    plan: Plan | None
    roles: Roles
    state: RunState
    notes: Mapping[int, str] = field(default_factory=dict)
    shared: str = ""
    files: tuple[AttachedFile, ...] = ()
    outputs: dict[str, str | None] = field(default_factory=dict)
    items: dict[int, Subtask] = field(init=False)

    def __post_init__(self) -> None:
        self.items = {s.number: s for s in self.plan.subtasks} if self.plan else {}

    @property
    def basis(self) -> Basis:
        """What a decision made now rests on."""
        run = self.run
        return Basis(run.id, run.commands, run.advanced_version, run.version)


async def live(session: AsyncSession, run_id: str, deployment: Deployment) -> Live | None:
    """The run with all that decisions need; None where there is none of that id."""
    run = await session.get(Run, run_id)
    if run is None:
        return None
    plan = await plan_of(session, run)
    rows = (await session.exec(select(SubtaskRow).where(SubtaskRow.run_id == run_id))).all()
    # What a review has dropped has a row still, but no place in the plan.
    numbers = {subtask.number for subtask in plan.subtasks} if plan else set()
    subtasks = [row for row in rows if row.number in numbers]
    roles = deployment.roles
    if plan and plan.roles:
        roles = roles.with_plan_roles(plan.roles)
    state = RunState(
        status=run.status,
        own=_own(run),
        auto_approval=await _auto_approval(session, run, deployment.settings),
        awaits_files=run.files_pending > 0,
        concurrency=run.concurrency,
        limits=deployment.limits,
        pattern=plan.pattern if plan else Pattern.GRAPH,
        reviewed=run.reviewed,
        replans=run.replans,
        allowance=deployment.settings.synthesis_chars,
        condensed=tuple(run.condensed),
        budget=Budget(run.limit_tokens, run.limit_usd),
        spent=Cost(run.tokens, run.cost_usd),
        reserved=await _reserved(session, run_id),
        own_costs=_own_costs(run, plan, deployment),
        work=await _works(session, run, plan, roles, deployment) if plan and subtasks else {},
        subtasks=await _progresses(session, subtasks),
        requests=await _open_requests(session, run_id),
    )
    current = [run.attempt_id, *(row.attempt_id for row in subtasks)]
    state.finished += await _finished(session, [id_ for id_ in current if id_], run, deployment)
    notes = {row.number: row.note for row in subtasks if row.note}
    return Live(run, plan, roles, state, notes, files=await _files(session, run_id))


async def _files(session: AsyncSession, run_id: str) -> tuple[AttachedFile, ...]:
    """What people attached to the task, as far as it has been looked at."""
    query = select(Artifact).where(
        Artifact.run_id == run_id,
        col(Artifact.attempt_id).is_(None),
        Artifact.status != FileStatus.PENDING,
    )
    found = await session.exec(query.order_by(col(Artifact.id)))
    return tuple(_attached(file) for file in found)


def _attached(file: Artifact) -> AttachedFile:
    is_refused = file.status is FileStatus.REFUSED
    return AttachedFile(file.id, file.name, file.mimetype, file.summary, file.note, is_refused)


async def _works(
    session: AsyncSession, run: Run, plan: Plan, roles: Roles, deployment: Deployment
) -> dict[int, Work]:
    seconds = await _seconds(session, plan, deployment.estimate)
    return works(plan, seconds, _subtask_costs(run, plan, roles, deployment))


def _subtask_costs(
    run: Run, plan: Plan, roles: Roles, deployment: Deployment
) -> dict[int, budget.Estimate]:
    """What an attempt at each subtask costs at the most."""
    settings, after = deployment.settings, dict(edges(plan))
    costs = {}
    for item in plan.subtasks:
        parameters = attempts.of_role(roles[item.role], settings, item.timeout_s)
        chars = budget.prompt_chars(
            run.task, run.context, settings, Purpose.SUBTASK, len(after[item.number])
        )
        chars += len(item.instructions)
        worst = _worst_case(parameters, roles, item.role, chars, deployment)
        uses_tools = bool({*item.tools, *roles[item.role].tools} - OFFERS.keys())
        costs[item.number] = worst.times(_CALLS_WITH_TOOLS) if uses_tools else worst
    return costs


def _worst_case(
    first: Parameters, roles: Roles, role: str | None, chars: int, deployment: Deployment
) -> budget.Estimate:
    settings = deployment.settings
    later = attempts.later(
        first, roles.ladder_of(role), settings.fallback_model, settings.subtask_attempts
    )
    return budget.worst_case(first, later, chars, deployment.price)


def expected_usd(deployment: Deployment, task: str, plan: Plan) -> Decimal | None:
    """What the plan should cost, with its answer; None where a model's price is unknown."""
    settings = deployment.settings
    roles = deployment.roles.with_plan_roles(plan.roles) if plan.roles else deployment.roles
    expected = budget.usual_answer(
        attempts.of_run(Purpose.SYNTHESIS, settings), len(task), deployment.price
    )
    for item in plan.subtasks:
        parameters = attempts.of_role(roles[item.role], settings, item.timeout_s)
        chars = len(task) + len(item.instructions)
        expected += budget.usual(item, parameters, chars, deployment.price)
    return expected.usd if expected.is_known else None


def _own_costs(
    run: Run, plan: Plan | None, deployment: Deployment
) -> dict[Purpose, budget.Estimate]:
    settings, results = deployment.settings, len(plan.subtasks) if plan else 0
    costs = {}
    for purpose in (Purpose.PLAN, Purpose.REVIEW, Purpose.SYNTHESIS):
        chars = budget.prompt_chars(
            run.task, run.context, settings, purpose, 0 if purpose is Purpose.PLAN else results
        )
        parameters = attempts.of_run(purpose, settings)
        costs[purpose] = _worst_case(parameters, deployment.roles, None, chars, deployment)
    return costs


async def _reserved(session: AsyncSession, run_id: str) -> Cost:
    """What is set aside for attempts that are under way."""
    reserved = await session.exec(
        select(col(Attempt.reserved_tokens), col(Attempt.reserved_usd)).where(
            Attempt.run_id == run_id, Attempt.status != AttemptStatus.FINISHED
        )
    )
    return sum((Cost(tokens, usd) for tokens, usd in reserved), NOTHING)


async def plan_of(session: AsyncSession, run: Run) -> Plan | None:
    """The plan as the run's present revision has it."""
    row = await session.get(PlanRevision, (run.id, run.revision))
    return Plan.model_validate(row.plan) if row else None


def _own(run: Run) -> Progress:
    return Progress(
        tries=run.tries,
        failed=tuple(Outcome(outcome) for outcome in run.failed),
        interruptions=run.interruptions,
        attempt_id=run.attempt_id,
        output_attempt_id=run.answer_attempt_id,
    )


async def _progresses(session: AsyncSession, rows: Iterable[SubtaskRow]) -> dict[int, Progress]:
    ids = [row.output_attempt_id for row in rows if row.output_attempt_id]
    query = select(col(Attempt.id), func.length(Attempt.output)).where(col(Attempt.id).in_(ids))
    sizes = dict((await session.exec(query)).all()) if ids else {}
    return {row.number: _progress(row, sizes.get(row.output_attempt_id or "", 0)) for row in rows}


def _progress(row: SubtaskRow, size: int | None) -> Progress:
    return Progress(
        size=size or 0,
        status=row.status,
        tries=row.tries,
        failed=tuple(Outcome(outcome) for outcome in row.failed),
        interruptions=row.interruptions,
        attempt_id=row.attempt_id,
        output_attempt_id=row.output_attempt_id,
    )


async def _open_requests(session: AsyncSession, run_id: str) -> set[OpenRequest]:
    rows = await session.exec(
        select(Request).where(Request.run_id == run_id, Request.status == RequestStatus.OPEN)
    )
    return {OpenRequest(row.kind, row.subtask) for row in rows}


async def _finished(
    session: AsyncSession, ids: list[str], run: Run, deployment: Deployment
) -> list[Finished]:
    if not ids:
        return []
    rows = await session.exec(
        select(Attempt)
        .where(col(Attempt.id).in_(ids), Attempt.status == AttemptStatus.FINISHED)
        .order_by(col(Attempt.finished_at))
    )
    return [finished(row.model_dump(), run, deployment) for row in rows]


def finished(row: Mapping[str, Any], run: Run, deployment: Deployment) -> Finished:
    """An attempt that is over, as decisions see it."""
    said = row.get("output" if row["outcome"] is Outcome.PAUSED else "error")
    return Finished(
        row["id"],
        row["purpose"],
        row["subtask"],
        row["outcome"],
        said or "",
        row.get("data"),
        reserved=Cost(row["reserved_tokens"], row["reserved_usd"]),
        size=len(row.get("output") or ""),
        spent=Cost(sum(row[column] or 0 for column in TOKENS), row.get("cost_usd") or Decimal(0)),
        proposal=_proposal(row, run, deployment),
    )


def _proposal(row: Mapping[str, Any], run: Run, deployment: Deployment) -> Proposal | None:
    """What the plan comes to that the attempt made."""
    if row["purpose"] is not Purpose.PLAN or row["outcome"] is not Outcome.SUCCEEDED:
        return None
    plan = Plan.model_validate(row["data"]["plan"])
    return Proposal(len(plan.subtasks), expected_usd(deployment, run.task, plan))


async def _auto_approval(
    session: AsyncSession, run: Run, settings: Settings
) -> AutoApproval | None:
    """What starts by itself: a channel's policy stands in the place of the settings.

    Whoever has had a say about a plan is asked about the next one.
    """
    if run.auto_approve:
        return EVERY_PLAN
    if run.status is not RunStatus.PLANNING or run.revision:
        return None
    policy = await session.get(ChannelPolicy, (run.team_id, run.channel)) if run.channel else None
    if policy is not None:
        return within(policy.auto_usd, policy.auto_subtasks)
    return within(settings.auto_approve_usd, settings.auto_approve_subtasks)


async def _seconds(
    session: AsyncSession, plan: Plan, estimate: Estimate | None
) -> Mapping[int, float]:
    if estimate is not None:
        return estimate(plan)
    learned = await learned_seconds(session, {subtask.role for subtask in plan.subtasks})
    return expected_seconds(plan, learned)


def expected_seconds(plan: Plan, learned: Mapping[str, float]) -> dict[int, float]:
    """Seconds each subtask should take: what its role took before, else by the planner's size."""
    return {s.number: learned.get(s.role, SECONDS_BY_SIZE[s.size]) for s in plan.subtasks}


async def learned_seconds(session: AsyncSession, roles: Iterable[str]) -> dict[str, float]:
    """The median seconds of the last 50 successful attempts, by role."""
    learned = {}
    for role in roles:
        rows = await session.exec(
            select(Attempt.started_at, Attempt.finished_at)
            .where(
                Attempt.role == role,
                Attempt.purpose == Purpose.SUBTASK,
                Attempt.outcome == Outcome.SUCCEEDED,
            )
            .order_by(col(Attempt.finished_at).desc())
            .limit(_HISTORY)
        )
        took = [(end - start).total_seconds() for start, end in rows if start and end]
        if took:
            learned[role] = median(took)
    return learned
