"""A process to be killed: works on one run until it has its answer, as a person would have it.

Usage: child.py DATABASE_URL. It begins the run where there is none, and ends with code 0.
"""

import asyncio
import re
import sys
from contextlib import suppress

from sqlmodel import select

from orchestrator.commands import Actor, Approve, Create, Retry
from orchestrator.errors import Outdated
from orchestrator.model.base import Purpose
from orchestrator.model.scripted import ScriptedModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.tables import Request, RequestKind, RequestStatus, Run, RunStatus

NEEDS = ((), (), (1,), (1, 2), (3,), (4, 5))
THINKING_S = {Purpose.PLAN: 0.3, Purpose.SUBTASK: 0.15, Purpose.SYNTHESIS: 0.3}
READING_S = 0.3
LOOKING_S = 0.02
PERSON = Actor("T1", "U1")


class SlowModel(ScriptedModel):
    """Takes its time, and makes each result from all that it was given."""

    async def complete(self, call, on_text=None):
        await asyncio.sleep(THINKING_S[call.purpose])
        return await super().complete(call, on_text)


def answer(call):
    if call.purpose is Purpose.PLAN:
        return plan()
    results = ", ".join(re.findall(r"^(?:R\d.*)$", str(call.messages[-1]["content"]), re.MULTILINE))
    if call.purpose is Purpose.SYNTHESIS:
        return f"The answer from {results}."
    return f"R{call.subtask} from [{results}]"


def plan():
    subtasks = [
        {
            "id": str(number),
            "title": f"Part {number}",
            "instructions": f"Do part {number}.",
            "depends_on": [str(need) for need in needs],
        }
        for number, needs in enumerate(NEEDS, start=1)
    ]
    return {"goal": "Everything done", "subtasks": subtasks}


async def main(url):
    settings = Settings(_env_file=None, database_url=url, model="offline")
    async with Orchestrator.open(settings, SlowModel(answer)) as orchestrator:
        with suppress(Outdated):  # an earlier process has begun it
            await orchestrator.do(Create("Do everything.", claim="the one"), PERSON)
        while (run := await the_run(orchestrator)).status is not RunStatus.COMPLETED:
            for request in await requests(orchestrator):
                await answer_to(orchestrator, run.id, request)
            await asyncio.sleep(LOOKING_S)


async def the_run(orchestrator):
    async with orchestrator.database.read() as session:
        return (await session.exec(select(Run))).one()


async def requests(orchestrator):
    async with orchestrator.database.read() as session:
        return (
            await session.exec(select(Request).where(Request.status == RequestStatus.OPEN))
        ).all()


async def answer_to(orchestrator, run_id, request):
    """What the person answers, after a while of reading."""
    await asyncio.sleep(READING_S)
    if request.kind is RequestKind.APPROVAL:
        await orchestrator.do(Approve(run_id, request.revision), PERSON)
    if request.kind is RequestKind.DEAD_LETTER:
        await orchestrator.do(Retry(run_id, request.subtask), PERSON)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
