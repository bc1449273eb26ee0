"""The guards: a change is made over the state it leaves, or not at all."""

import asyncio
from functools import partial

import pytest
from sqlmodel import select

from orchestrator import control
from orchestrator.commands import Actor, Create, Stop
from orchestrator.errors import Conflict
from orchestrator.gate import Gatekeeping
from orchestrator.model.base import Purpose
from orchestrator.state import Progress
from orchestrator.store import changes, workers
from orchestrator.store.changes import Basis, Changes
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Outcome,
    Run,
    SubtaskRow,
    SubtaskStatus,
    row,
)


@pytest.fixture
async def run(database):
    """A run with one subtask, and an attempt at it that is queued."""
    create = partial(
        control.perform,
        command=Create("Paint."),
        actor=Actor("T1", "U1"),
        gatekeeping=Gatekeeping((), (), 20),
    )
    run_id = (await database.write(create)).run_id
    attempt = Attempt(id="a1", run_id=run_id, subtask=1, purpose=Purpose.SUBTASK)
    subtask = SubtaskRow(run_id=run_id, number=1, status=SubtaskStatus.RUNNING, attempt_id="a1")

    def work(connection):
        connection.execute(changes.subtask.insert(), [row(subtask)])
        connection.execute(changes.attempt.insert(), [row(attempt)])

    await database.write(work)
    return await get(database, Run, run_id)


async def get(database, table, key):
    async with database.read() as session:
        return await session.get(table, key)


def basis_of(run):
    return Basis(run.id, run.commands, run.advanced_version, run.version)


def advance(run, decided=None, **fields):
    decided = decided or Changes(run={"note": "decided"}, **fields)
    return partial(changes.advance, basis=basis_of(run), changes=decided)


async def test_a_decision_is_committed_and_the_run_is_decided_upon(database, run):
    await database.write(advance(run))

    after = await get(database, Run, run.id)
    assert after.note == "decided"
    assert after.advanced_version == after.version == run.version + 1


async def test_a_decision_is_void_once_a_person_has_acted(database, run):
    actor = Actor("T1", "U1")
    stop = partial(
        control.perform,
        command=Stop(run.id),
        actor=actor,
        gatekeeping=Gatekeeping((), (), 20),
    )
    await database.write(stop)

    with pytest.raises(Conflict):
        await database.write(advance(run))
    assert (await get(database, Run, run.id)).note == ""


async def test_of_two_decisions_on_one_basis_one_is_committed(database, run):
    results = await asyncio.gather(
        *(database.write(advance(run)) for _ in range(3)), return_exceptions=True
    )

    assert sum(isinstance(result, Conflict) for result in results) == 2
    assert (await get(database, Run, run.id)).version == run.version + 1


async def test_a_decision_over_a_subtask_that_moved_on_changes_nothing(database, run):
    saved = [(1, SubtaskStatus.READY, Progress(SubtaskStatus.RUNNING))]

    with pytest.raises(Conflict):
        await database.write(advance(run, subtasks=saved))
    assert (await get(database, Run, run.id)).note == ""
    assert (await get(database, SubtaskRow, (run.id, 1))).status is SubtaskStatus.RUNNING


async def test_a_result_that_came_in_while_deciding_leaves_the_run_to_be_decided_upon(
    database, run
):
    """Even if the process dies now, the sweep finds it."""
    await database.write(partial(changes.claim, attempt_id="a1", worker="w"))
    await database.write(
        partial(changes.finish, attempt_id="a1", worker="w", result={"outcome": "succeeded"})
    )
    await database.write(advance(run))

    after = await get(database, Run, run.id)
    assert after.note == "decided"
    assert after.advanced_version < after.version


async def test_an_attempt_is_claimed_once(database, run):
    claims = [partial(changes.claim, attempt_id="a1", worker=f"w{n}") for n in range(4)]

    claimed = [row for row in await asyncio.gather(*map(database.write, claims)) if row]

    assert [(row["id"], row["run_id"], row["subtask"]) for row in claimed] == [("a1", run.id, 1)]
    assert (await get(database, Attempt, "a1")).status is AttemptStatus.RUNNING


async def test_a_result_is_stored_once_and_only_by_who_claimed_the_attempt(database, run):
    await database.write(partial(changes.claim, attempt_id="a1", worker="w"))

    def finish(worker, output):
        result = {"outcome": Outcome.SUCCEEDED, "output": output, "input_tokens": 5}
        return partial(changes.finish, attempt_id="a1", worker=worker, result=result)

    assert await database.write(finish("other", "wrong")) is None
    assert await database.write(finish("w", "right")) == run.version + 1
    assert await database.write(finish("w", "again")) is None
    assert (await get(database, Attempt, "a1")).output == "right"
    assert (await get(database, Run, run.id)).tokens == 5


async def test_what_is_handed_back_can_be_claimed_again(database, run):
    await database.write(partial(changes.claim, attempt_id="a1", worker="w"))
    await database.write(partial(workers.hand_back, worker="another"))
    assert await database.write(partial(changes.claim, attempt_id="a1", worker="x")) is None

    await database.write(partial(workers.hand_back, worker="w"))
    assert await database.write(partial(changes.claim, attempt_id="a1", worker="x"))


async def test_what_other_workers_were_at_is_ended_and_their_runs_are_behind(database, run):
    await database.write(partial(changes.claim, attempt_id="a1", worker="gone"))

    assert await database.write(partial(workers.interrupt, but_worker="gone")) == []
    assert await database.write(partial(workers.interrupt, but_worker="here")) == [run.id]
    attempt = await get(database, Attempt, "a1")
    assert (attempt.status, attempt.outcome) == (AttemptStatus.FINISHED, Outcome.INTERRUPTED)
    assert (await get(database, Run, run.id)).version == run.version + 1


async def test_names_of_runs_are_short_and_unlike_within_a_team(database):
    create = partial(
        control.perform,
        command=Create("Paint."),
        actor=Actor("T1", "U1"),
        gatekeeping=Gatekeeping((), (), 20),
    )
    for _ in range(30):
        await database.write(create)
    async with database.read() as session:
        names = (await session.exec(select(Run.name))).all()

    assert len(set(names)) == 30
    assert all(name.startswith("R-") and len(name) == 6 for name in names)
