"""Reading a run's state back from its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.model.base import Purpose
from orchestrator.plan import SECONDS_BY_SIZE, Plan, Subtask
from orchestrator.roles import Roles
from orchestrator.state import Finished, Limits, OpenRequest, Progress, RunState, works
from orchestrator.store.changes import Basis
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Outcome,
    PlanRevision,
    Request,
    RequestStatus,
    Run,
    SubtaskRow,
)

# Expected seconds of each subtask of a plan, by number.
Estimate = Callable[[Plan], Mapping[int, float]]

_HISTORY = 50


@dataclass(slots=True)
class Live:
    """A run in memory: a cache of its rows as of `run.version`.

    `shared` is what all its workers are told, kept here by whoever first needs it.
    """

    run: Run
    plan: Plan | None
    roles: Roles
    state: RunState
    shared: str = ""
    items: dict[int, Subtask] = field(init=False)

    def __post_init__(self) -> None:
        self.items = {s.number: s for s in self.plan.subtasks} if self.plan else {}

    @property
    def basis(self) -> Basis:
        """What a decision made now rests on."""
        run = self.run
        return Basis(run.id, run.commands, run.advanced_version, run.version)


async def live(
    session: AsyncSession,
    run_id: str,
    roles: Roles,
    limits: Limits,
    estimate: Estimate | None = None,
) -> Live | None:
    """The run with all that decisions need; None where there is none of that id."""
    run = await session.get(Run, run_id)
    if run is None:
        return None
    plan = await plan_of(session, run)
    subtasks = (await session.exec(select(SubtaskRow).where(SubtaskRow.run_id == run_id))).all()
    state = RunState(
        status=run.status,
        own=_own(run),
        auto_approve=run.auto_approve,
        concurrency=run.concurrency,
        limits=limits,
        work=works(plan, await _seconds(session, plan, estimate)) if plan and subtasks else {},
        subtasks={row.number: _progress(row) for row in subtasks},
        requests=await _open_requests(session, run_id),
    )
    current = [run.attempt_id, *(row.attempt_id for row in subtasks)]
    state.finished.extend(await _finished(session, [id_ for id_ in current if id_]))
    plan_roles = roles.with_plan_roles(plan.roles) if plan and plan.roles else roles
    return Live(run, plan, plan_roles, state)


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


def _progress(row: SubtaskRow) -> Progress:
    return Progress(
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


async def _finished(session: AsyncSession, ids: list[str]) -> list[Finished]:
    if not ids:
        return []
    rows = await session.exec(
        select(Attempt)
        .where(col(Attempt.id).in_(ids), Attempt.status == AttemptStatus.FINISHED)
        .order_by(col(Attempt.finished_at))
    )
    return [finished(row.model_dump()) for row in rows]


def finished(row: Mapping[str, Any]) -> Finished:
    """An attempt that is over, as decisions see it."""
    said = row.get("output" if row["outcome"] is Outcome.PAUSED else "error")
    return Finished(
        row["id"], row["purpose"], row["subtask"], row["outcome"], said or "", row.get("data")
    )


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
