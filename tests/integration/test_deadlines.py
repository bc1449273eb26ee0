"""What time does to runs: reminders, and the end of what is old."""

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlmodel import select

from orchestrator import deadlines
from orchestrator.commands import Redo
from orchestrator.errors import Outdated
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import (
    Artifact,
    ArtifactContent,
    EventRow,
    RequestKind,
    RunStatus,
    ToolCallRow,
    new_row,
)

LATER = timedelta(hours=25)
A_DAY = timedelta(hours=24)


@pytest.fixture
def remind(orchestrator):
    """What happens so long from now; gives how many runs people were reminded of."""

    async def after(time):
        at = now() + time
        work = partial(deadlines.remind, asked_before=at - A_DAY, at=at)
        return await orchestrator.database.write(work)

    return after


@pytest.fixture
def clear(orchestrator):
    async def after(time, most=100):
        at = now() + time
        work = partial(deadlines.clear, finished_before=at - A_DAY, at=at, most=most)
        return await orchestrator.database.write(work)

    return after


async def test_people_are_reminded_once_of_what_waits_for_long(person, remind):
    run_id = await person.ask(channel="C1", thread="1.1")
    await person.until(run_id, RunStatus.PROPOSED)
    before = (await person.run(run_id)).version
    assert await remind(timedelta(hours=23)) == 0
    assert await remind(LATER) == 1
    request = await person.request(run_id, RequestKind.APPROVAL)
    assert request.reminded_at is not None
    assert (await person.run(run_id)).version > before
    assert await remind(LATER * 2) == 0


async def test_nobody_is_reminded_of_a_run_without_a_thread(person, remind):
    run_id = await person.ask()
    await person.until(run_id, RunStatus.PROPOSED)
    assert await remind(LATER) == 0


async def test_old_results_are_deleted_and_the_history_stays(orchestrator, person, clear):
    run_id = await person.ask_and_approve("Look at apples", context="What was said")
    await person.until(run_id, RunStatus.COMPLETED)
    artifact = new_row(Artifact, run_id=run_id, name="apples.csv", summary="About apples")
    call = new_row(
        ToolCallRow,
        run_id=run_id,
        attempt_id="a",
        call_id="c",
        name="search",
        arguments={"query": "apples"},
        output="Apples",
    )
    file = new_row(ArtifactContent, artifact_id=artifact["id"], content=b"apples", text="apples")

    def attach(connection):
        for table, values in ((Artifact, artifact), (ToolCallRow, call), (ArtifactContent, file)):
            connection.execute(sa.insert(table.__table__), [values])

    await orchestrator.database.write(attach)
    before = await person.run(run_id)
    assert await clear(timedelta(hours=23)) == 0
    assert (await person.attempts(run_id))[0].prompt
    assert await clear(LATER) == 1
    assert await clear(LATER * 2) == 0

    after = await person.run(run_id)
    assert after.cleared_at is not None
    assert after.context == ""
    kept = ("name", "task", "status", "version", "tokens", "cost_usd", "started_at", "finished_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    for attempt in await person.attempts(run_id):
        assert (attempt.prompt, attempt.output, attempt.data) == (None, None, None)
        assert attempt.finished_at is not None
        assert attempt.model is not None
    assert (await person.revisions(run_id))[0].plan["subtasks"]
    async with orchestrator.database.read() as session:
        assert (await session.exec(select(ArtifactContent))).all() == []
        (file,) = await session.exec(select(Artifact))
        (called,) = await session.exec(select(ToolCallRow))
        (*_, event) = await session.exec(select(EventRow))
    assert (file.name, file.summary) == ("apples.csv", "")
    assert (called.name, called.arguments, called.output) == ("search", {}, None)
    assert event.data == {}


async def test_what_is_under_way_is_never_deleted(person, clear):
    run_id = await person.ask(context="What was said")
    await person.until(run_id, RunStatus.PROPOSED)
    assert await clear(LATER) == 0
    assert (await person.run(run_id)).context == "What was said"


async def test_old_results_are_deleted_a_few_runs_at_a_time(person, clear):
    for _ in range(3):
        await person.until(await person.ask_and_approve(), RunStatus.COMPLETED)
    assert [await clear(LATER, most=2) for _ in range(3)] == [2, 1, 0]


async def test_what_rests_on_deleted_results_cannot_be_redone(person, clear):
    run_id = await person.ask_and_approve()
    await person.until(run_id, RunStatus.COMPLETED)
    await clear(LATER)
    with pytest.raises(Outdated, match="deleted"):
        await person.do(Redo(run_id, 1))


async def test_nobody_is_reminded_of_what_they_answered(person, remind, orchestrator):
    run_id = await person.ask(channel="C1", thread="1.1")
    await person.until(run_id, RunStatus.PROPOSED)
    request = await person.request(run_id, RequestKind.APPROVAL)
    table = changes.request
    close = sa.update(table).where(table.c.id == request.id).values(status="answered")
    await orchestrator.database.write(lambda connection: connection.execute(close))
    assert await remind(LATER) == 0
