"""Processes that are not as they should be: out of memory, with a wrong clock, of another age."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from odd_worker import DEADLY, GREEDY
from person import Person, eventually
from processes import END_S, PATIENCE_S

from orchestrator.model.base import Purpose
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.clock import now
from orchestrator.store.migrate import code_revision
from orchestrator.store.tables import Outcome, RequestKind, RunStatus

ODD = "tests.integration.odd_worker"
TASK = "Do it.\n#subtasks(2)"

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
async def person(settings):
    limited = settings.model_copy(update={"run_minutes": 30})
    async with Orchestrator.open(limited, works=False) as opened:
        yield Person(opened)


async def work_for_two(person):
    """Runs that are over, at which two workers have worked: the second may take long to start."""
    runs, seen = [], set()
    slow = f"{TASK}\n#slow(1,0.3s)\n#slow(2,0.3s)"
    async with asyncio.timeout(PATIENCE_S):
        while len(seen) < 2:
            new = [await person.ask(slow, auto_approve=True) for _ in range(10)]
            for run_id in new:
                await person.until(run_id, RunStatus.COMPLETED, PATIENCE_S)
                seen |= {attempt.worker for attempt in await person.attempts(run_id)}
            runs += new
    return runs


async def outcomes(person, run_id, subtask):
    return [attempt.outcome for attempt in await person.attempts_at(run_id, subtask)]


async def test_an_attempt_that_takes_all_memory_fails_and_its_process_goes_on(person, working):
    with working(0) as workers:
        process = workers.start(ODD, "0")
        runs = [await person.ask(f"{TASK}\n{GREEDY}", auto_approve=True)]
        runs += [await person.ask(TASK, auto_approve=True) for _ in range(3)]
        for run_id in runs:
            await person.until(run_id, RunStatus.COMPLETED, PATIENCE_S)
        assert process.poll() is None
    assert await outcomes(person, runs[0], 1) == [Outcome.ERRORED, Outcome.SUCCEEDED]


async def test_a_subtask_that_takes_every_worker_down_is_a_dead_letter_and_others_are_done(
    person, working
):
    with working(0) as workers:
        deadly = await person.ask(f"Do it.\n#subtasks(1)\n{DEADLY}", auto_approve=True)
        deaths = 0

        async def is_dead_letter():
            nonlocal deaths
            for process in [p for p in workers.running if p.poll() is not None]:
                workers.running.remove(process)
                deaths += 1
            if not workers.running:
                workers.start(ODD, "0")
            return any(
                request.kind is RequestKind.DEAD_LETTER for request in await person.requests(deadly)
            )

        await eventually(is_dead_letter, PATIENCE_S)
        after = await person.ask(TASK, auto_approve=True)
        await person.until(after, RunStatus.COMPLETED, PATIENCE_S)
    assert deaths == 3
    assert await outcomes(person, deadly, 1) == [Outcome.INTERRUPTED] * 3


async def test_hosts_whose_clocks_are_wrong_go_by_that_of_the_database(person, working):
    began = now()
    with working(0) as workers:
        for hours in ("-2", "3"):
            workers.start(ODD, hours)
        runs = await work_for_two(person)
        assert workers.end() == [0, 0]

    attempts = [attempt for run_id in runs for attempt in await person.attempts(run_id)]
    slack = timedelta(seconds=2)
    for attempt in attempts:
        assert began - slack < attempt.started_at <= attempt.finished_at < now() + slack
    for run_id in runs:
        # By their ids, which are made of the time.
        *_, last = await person.attempts(run_id)
        assert last.purpose is Purpose.SYNTHESIS


@pytest.mark.parametrize(
    ("hours", "said"), [("3", "10,800 seconds ahead of"), ("-2", "7,200 seconds behind"), ("0", "")]
)
async def test_the_doctor_tells_that_a_clock_is_wrong(database_url, working, hours, said):
    with working(0) as workers:
        told = await asyncio.to_thread(workers.ask, ODD, hours, "doctor")
    assert (f"This host's clock is {said} the database's" in told) == bool(said)
    assert "The database can be used" in told


async def is_over(process):
    return process.poll() is not None


async def expand(person, oldest_code):
    """What the migration of a later version does, which the code of now knows nothing of."""
    async with person.orchestrator.database.engine.begin() as connection:
        for statement in (
            "ALTER TABLE run ADD COLUMN colour text NOT NULL DEFAULT 'red'",
            "ALTER TABLE attempt ADD COLUMN mood text",
            "UPDATE alembic_version SET version_num = '9999'",
            f"UPDATE oldest_code SET revision = '{oldest_code}'",
        ):
            await connection.execute(sa.text(statement))


async def test_a_worker_of_an_older_version_works_on_beside_a_newer_one(person, working):
    with working(1) as workers:
        before = await person.ask(TASK, auto_approve=True)
        await person.until(before, RunStatus.COMPLETED, PATIENCE_S)
        await expand(person, code_revision())
        workers.start()
        await work_for_two(person)
        assert workers.end() == [0, 0]


async def test_a_worker_that_is_too_old_says_so_and_ends(person, working, tmp_path):
    await expand(person, "9999")
    with working(1) as workers:
        [process] = workers.running
        await eventually(partial(is_over, process), END_S)
        assert process.returncode == 2
    assert "later version of this program" in (tmp_path / "workers.log").read_text()
