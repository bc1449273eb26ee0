"""Many processes on one PostgreSQL: who dies or stands still is replaced, and nothing is lost."""

import asyncio
import random
from collections import Counter
from functools import partial

import pytest
import sqlalchemy as sa
from person import Person, eventually
from processes import FINE, PATIENCE_S
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from orchestrator.commands import Retry, Stop
from orchestrator.errors import Refused
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Outcome,
    Request,
    RequestKind,
    RequestStatus,
    Run,
    RunStatus,
)

AWAY_S = 60.0
SUBTASKS = 3
# Its plan, its subtasks, its answer.
ATTEMPTS_OF_A_RUN = SUBTASKS + 2
TASK = f"Do it.\n#subtasks({SUBTASKS})\n#slow(1,0.2s)\n#slow(2,0.2s)"

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
async def person(settings):
    async with Orchestrator.open(settings, works=False) as opened:
        yield Person(opened)


async def rows(person, query):
    """What the database says; nothing while it is away."""
    try:
        async with person.orchestrator.database.read() as session:
            return (await session.exec(query)).all()
    except DBAPIError:
        return []


async def finished_attempts(person):
    counted = select(sa.func.count()).select_from(Attempt)
    found = await rows(person, counted.where(Attempt.status == AttemptStatus.FINISHED))
    return found[0] if found else 0


async def is_begun(person, run_id):
    begun = await person.attempts_at(run_id, 1)
    return begun and begun[0].status is AttemptStatus.RUNNING


async def has_finished(person, count):
    return await finished_attempts(person) >= count


async def all_completed(person, count):
    """Whether all runs have their answer; who gave up is told to try again."""
    asked = select(Request).where(
        Request.status == RequestStatus.OPEN, Request.kind == RequestKind.DEAD_LETTER
    )
    for request in await rows(person, asked):
        try:
            await person.do(Retry(request.run_id, request.subtask))
        except (Refused, DBAPIError):
            continue
    done = await rows(person, select(Run.id).where(Run.status == RunStatus.COMPLETED))
    return len(done) == count


async def until(person, condition):
    """Wait for it, or say what is not over."""
    try:
        await eventually(condition, PATIENCE_S)
    except AssertionError:
        runs = select(Run.id, Run.status).where(Run.status != RunStatus.COMPLETED)
        attempts = select(Attempt).where(Attempt.status != AttemptStatus.FINISHED)
        requests = select(Request).where(Request.status == RequestStatus.OPEN)
        left = [await rows(person, query) for query in (runs, attempts, requests)]
        raise AssertionError(f"not over: {left}") from None


async def survives(person, postgres, working, seed, *, runs, troubles, restarts):
    chance = random.Random(seed)
    for number in range(runs):
        await person.ask(f"{number}: {TASK}", auto_approve=True)
    expected = runs * ATTEMPTS_OF_A_RUN
    moments = sorted(chance.sample(range(1, int(expected * 0.8)), troubles + restarts))
    restarting = set(chance.sample(moments, restarts))
    with working(3) as workers:
        for moment in moments:
            await until(person, partial(has_finished, person, moment))
            if moment in restarting:
                postgres.restart()
                continue
            workers.resume()
            trouble = chance.choice([workers.kill, workers.pause])
            trouble(chance.choice(workers.running))
        workers.resume()
        await until(person, partial(all_completed, person, runs))
        assert set(workers.end()) <= FINE
    await check(person, runs)


async def check(person, runs):
    """Nothing was lost, and whatever was done was done once."""
    attempts = await rows(person, select(Attempt))
    assert {attempt.status for attempt in attempts} == {AttemptStatus.FINISHED}
    succeeded = Counter(
        (attempt.run_id, attempt.purpose, attempt.subtask)
        for attempt in attempts
        if attempt.outcome is Outcome.SUCCEEDED
    )
    assert set(succeeded.values()) == {1}
    assert len(succeeded) == runs * ATTEMPTS_OF_A_RUN
    assert [run.gaps for run in await rows(person, select(Run))] == [0] * runs


@pytest.mark.timeout(600)
async def test_workers_that_die_or_stand_still_lose_nothing_and_do_nothing_twice(
    person, postgres, working
):
    await survives(person, postgres, working, 7, runs=20, troubles=2, restarts=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_workers_survive_many_troubles(person, postgres, working, seed):
    await survives(person, postgres, working, seed, runs=40, troubles=15, restarts=3)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_database_that_is_away_for_a_minute_is_waited_for(person, postgres, working):
    runs = 20
    with working(3) as workers:
        for number in range(runs):
            await person.ask(f"{number}: {TASK}", auto_approve=True)
        await until(person, partial(has_finished, person, runs))
        with postgres.away():
            await asyncio.sleep(AWAY_S)
        await until(person, partial(all_completed, person, runs))
        assert workers.end() == [0, 0, 0]
    await check(person, runs)


async def test_a_worker_hears_of_a_stop_and_hands_back_what_it_has_not_done_when_told_to_end(
    person, working
):
    task = "Wait.\n#subtasks(1)\n#slow(1,25s)"
    with working(1) as workers:
        stopped = await person.ask(task, auto_approve=True)
        await eventually(partial(is_begun, person, stopped), PATIENCE_S)
        await person.do(Stop(stopped))
        after = await person.ask(task, auto_approve=True)
        await eventually(partial(is_begun, person, after), PATIENCE_S)
        assert workers.end() == [0]

    assert (await person.attempts_at(stopped, 1))[0].outcome is Outcome.CANCELLED
    [attempt] = await person.attempts_at(after, 1)
    assert (attempt.status, attempt.worker) == (AttemptStatus.QUEUED, None)
