"""A person who gives tasks, and what they need to see how it goes."""

from sqlmodel import col, select
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from orchestrator.commands import Actor, Approve, Create
from orchestrator.model.base import Purpose
from orchestrator.store.tables import (
    Attempt,
    EventRow,
    PlanRevision,
    Request,
    RequestStatus,
    Run,
    RunStatus,
    SubtaskRow,
)

PATIENCE_S = 20.0
LONG_OVER_S = 0.01


async def eventually(condition, within_s=PATIENCE_S):
    """The first true result of the async `condition`; fails the test where there is none."""
    waiting = AsyncRetrying(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(LONG_OVER_S),
        stop=stop_after_delay(within_s),
        retry_error_callback=lambda state: None,
    )
    found = await waiting(condition)
    assert found, f"it did not come true within {within_s:g} seconds"
    return found


def plan(*needs, **fields):
    """A plan as a model writes it; `needs` has for each subtask the numbers it waits for."""
    subtasks = [
        {
            "id": str(number),
            "title": f"Part {number}",
            "instructions": f"Do part {number}.",
            "role": "generalist",
            "depends_on": [str(need) for need in of],
        }
        for number, of in enumerate(needs, start=1)
    ]
    return {"goal": "Everything done", "pattern": "graph", "subtasks": subtasks, **fields}


def answers(call, needs=((), (1,))):
    """What a model says that can do everything."""
    if call.purpose is Purpose.PLAN:
        return plan(*needs)
    return f"Result {call.subtask}." if call.purpose is Purpose.SUBTASK else "The answer."


def asked(call):
    """Everything a call tells the model."""
    return "\n".join([call.system, call.shared, *(str(m["content"]) for m in call.messages)])


class Person:
    """Gives commands as one person and reads the rows that come of it."""

    def __init__(self, orchestrator, team_id="T1", user_id="U1"):
        self.orchestrator = orchestrator
        self.actor = Actor(team_id, user_id)

    async def do(self, command):
        return await self.orchestrator.do(command, self.actor)

    async def ask(self, task="Do everything.", **fields):
        """Create a run and return its id."""
        return (await self.do(Create(task, **fields))).run_id

    async def ask_and_approve(self, task="Do everything.", **fields):
        run_id = await self.ask(task, **fields)
        await self.until(run_id, RunStatus.PROPOSED)
        await self.do(Approve(run_id, 1))
        return run_id

    async def until(self, run_id, status, within_s=PATIENCE_S):
        """Wait until the run has that status, and return it."""

        async def reached():
            run = await self.run(run_id)
            return run if run.status is status else None

        return await eventually(reached, within_s)

    async def answer_of(self, run_id):
        """Wait for the run's answer and return its text."""
        run = await self.until(run_id, RunStatus.COMPLETED)
        attempts = await self.attempts(run_id)
        return next(a.output for a in attempts if a.id == run.answer_attempt_id)

    async def request(self, run_id, kind, subtask=None):
        """Wait until the run asks that, and return the request."""

        async def opened():
            found = await self.requests(run_id)
            return next((r for r in found if r.kind is kind and subtask in (None, r.subtask)), None)

        return await eventually(opened)

    async def requests(self, run_id):
        """What the run asks now."""
        return await self._rows(
            select(Request).where(Request.run_id == run_id, Request.status == RequestStatus.OPEN)
        )

    async def run(self, run_id):
        async with self.orchestrator.database.read() as session:
            return await session.get(Run, run_id)

    async def subtasks(self, run_id):
        """The subtasks by number."""
        rows = await self._rows(select(SubtaskRow).where(SubtaskRow.run_id == run_id))
        return {row.number: row for row in rows}

    async def attempts(self, run_id, *conditions):
        return await self._rows(
            select(Attempt).where(Attempt.run_id == run_id, *conditions).order_by(col(Attempt.id))
        )

    async def attempts_at(self, run_id, subtask):
        return await self.attempts(run_id, Attempt.subtask == subtask)

    async def revisions(self, run_id):
        return await self._rows(
            select(PlanRevision)
            .where(PlanRevision.run_id == run_id)
            .order_by(col(PlanRevision.number))
        )

    async def events(self, run_id):
        """What happened, in order: kind and subtask."""
        rows = await self._rows(
            select(EventRow).where(EventRow.run_id == run_id).order_by(col(EventRow.id))
        )
        return [(row.kind, row.subtask) for row in rows]

    async def runs(self):
        return await self._rows(select(Run).order_by(col(Run.id)))

    async def _rows(self, query):
        async with self.orchestrator.database.read() as session:
            return (await session.exec(query)).all()
