"""What outlives the process, and what several processes may do."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest
import sqlalchemy as sa
from person import Person, answers, eventually

from orchestrator.commands import Approve, Retry, Stop
from orchestrator.engine import Engine
from orchestrator.errors import AlreadyRunning, ConfigurationError, NewerDatabase
from orchestrator.model.base import Purpose
from orchestrator.model.scripted import ScriptedModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.roles import Roles
from orchestrator.store import changes
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    AttemptStatus,
    Outcome,
    RequestKind,
    RunStatus,
)
from orchestrator.tools.configuration import ToolsConfig
from orchestrator.tools.toolbox import Toolbox

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Process:
    """An orchestrator that can be ended gently or as by a power failure."""

    def __init__(self, settings):
        self.settings = settings
        self.model = ScriptedModel(answers)

    @asynccontextmanager
    async def started(self):
        async with Orchestrator.open(self.settings, self.model) as opened:
            yield Person(opened)


@pytest.fixture
def process(settings):
    return Process(settings.model_copy(update={"grace_s": 0.0, "beat_s": 0.1}))


async def die(person, *attempt_ids):
    """Leave the attempts as a process leaves them that was killed while it made them."""

    def work(connection):
        connection.execute(
            sa.update(changes.attempt)
            .where(changes.attempt.c.id.in_(attempt_ids))
            .values(status=AttemptStatus.RUNNING, worker="gone")
        )

    await person.orchestrator.database.write(work)


async def test_a_run_goes_on_where_the_process_before_left_it(process):
    gate = process.model.gate(Purpose.SUBTASK, 2)
    async with process.started() as person:
        run_id = await person.ask_and_approve()
        await gate.reached()
    gate.open()
    async with process.started() as person:
        assert await person.answer_of(run_id) == "The answer."
        attempts = await person.attempts(run_id)

    assert [(a.purpose, a.subtask, a.outcome) for a in attempts] == [
        (Purpose.PLAN, None, Outcome.SUCCEEDED),
        (Purpose.SUBTASK, 1, Outcome.SUCCEEDED),
        (Purpose.SUBTASK, 2, Outcome.SUCCEEDED),
        (Purpose.SYNTHESIS, None, Outcome.SUCCEEDED),
    ]


@pytest.mark.parametrize("purpose", [Purpose.PLAN, Purpose.SUBTASK, Purpose.SYNTHESIS])
async def test_whatever_a_dead_process_was_at_is_begun_again_and_counts_as_interrupted(
    process, purpose
):
    gate = process.model.gate(purpose)
    async with process.started() as person:
        run_id = await person.ask(auto_approve=True)
        await gate.reached()
        begun = (await person.attempts(run_id))[-1]
        await die(person, begun.id)
    gate.open()
    async with process.started() as person:
        assert await person.answer_of(run_id) == "The answer."
        again = [
            a
            for a in await person.attempts(run_id)
            if (a.purpose, a.subtask) == (begun.purpose, begun.subtask)
        ]

    assert [(a.number, a.outcome) for a in again] == [
        (1, Outcome.INTERRUPTED),
        (1, Outcome.SUCCEEDED),
    ]


async def test_three_interruptions_are_enough_for_one_subtask(process):
    gate = process.model.gate(Purpose.SUBTASK, 1)
    run_id = None
    for _ in range(3):
        async with process.started() as person:
            run_id = run_id or await person.ask(auto_approve=True)
            await eventually(partial(_is_made_here, person, run_id))
            last = (await person.attempts_at(run_id, 1))[-1]
            await die(person, last.id)
    async with process.started() as person:
        request = await person.request(run_id, RequestKind.DEAD_LETTER)
        assert request.text == "The process that worked on it ended."
        gate.open()
        await person.do(Retry(run_id, 1))
        assert await person.answer_of(run_id) == "The answer."
        outcomes = [a.outcome for a in await person.attempts_at(run_id, 1)]

    assert outcomes == [Outcome.INTERRUPTED] * 3 + [Outcome.SUCCEEDED]


async def _is_made_here(person, run_id):
    attempts = await person.attempts_at(run_id, 1)
    return attempts and attempts[-1].worker == person.orchestrator.engine.worker


@only_sqlite
async def test_one_process_works_on_a_sqlite_file(settings, orchestrator):
    with pytest.raises(AlreadyRunning, match=r"Another process works on .*\.db already"):
        async with Orchestrator.open(settings, ScriptedModel(answers)):
            pass


@only_sqlite
async def test_when_it_is_gone_the_next_may_work(settings):
    for _ in range(2):
        async with Orchestrator.open(settings, ScriptedModel(answers)):
            pass


async def test_commands_of_another_process_are_found(settings, person):
    async with Orchestrator.open(settings, works=False) as other:
        elsewhere = Person(other)
        run_id = await elsewhere.ask("From elsewhere.")
        await person.until(run_id, RunStatus.PROPOSED)
        await elsewhere.do(Approve(run_id, 1))

        assert await elsewhere.answer_of(run_id) == "The answer."


async def test_a_stop_from_another_process_breaks_off_what_runs_here(settings, person, model):
    gate = model.gate(Purpose.SUBTASK)
    run_id = await person.ask_and_approve()
    await gate.reached()
    async with Orchestrator.open(settings, works=False) as other:
        await Person(other).do(Stop(run_id))

    after = await person.ask(auto_approve=True)
    gate.open()
    await person.answer_of(after)
    assert (await person.attempts_at(run_id, 1))[0].outcome is Outcome.CANCELLED
    assert (await person.run(run_id)).status is RunStatus.STOPPED


async def test_who_does_not_work_hears_of_its_own_commands(settings):
    told = []
    async with Orchestrator.open(settings, works=False) as opened:
        opened.subscribe(told.append)
        run_id = await Person(opened).ask()

    assert [(event.kind, event.run_id) for event in told] == [("run_created", run_id)]


def _migrate_to_the_future(connection):
    connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    connection.execute(sa.text("UPDATE oldest_code SET revision = '9999'"))


async def test_a_database_of_a_later_version_is_not_opened(settings, database):
    await database.write(_migrate_to_the_future)
    with pytest.raises(NewerDatabase):
        async with Orchestrator.open(settings, ScriptedModel(answers)):
            pass


async def test_the_model_is_let_go_at_the_end(settings):
    model = ScriptedModel(answers)
    async with Orchestrator.open(settings, model):
        pass

    assert model.closed


async def test_a_listener_that_fails_disturbs_nobody(person):
    told = []

    def failing(event):
        raise ValueError(event)

    person.orchestrator.subscribe(failing)
    end = person.orchestrator.subscribe(told.append)
    run_id = await person.ask(auto_approve=True)
    await person.answer_of(run_id)
    heard = len(told)
    end()
    await person.answer_of(await person.ask(auto_approve=True))

    assert heard > 5
    assert len(told) == heard


# --- what happens while something else is being committed ----------------------------------


class Slow(Database):
    """A database where something can be made to happen right after one task has read."""

    def __init__(self, url):
        super().__init__(url)
        self.reader = None
        self.meanwhile = None

    @asynccontextmanager
    async def read(self):
        async with super().read() as session:
            yield session
        if self.reader is asyncio.current_task():
            self.reader = None
            await self.meanwhile()


@asynccontextmanager
async def working(database, settings, model):
    """A person whose orchestrator works on that very database object."""
    roles = Roles.load()
    engine = Engine(database, model, roles, settings, Toolbox(ToolsConfig()))
    try:
        await engine.start()
        yield Person(Orchestrator(database, roles, settings, engine))
    finally:
        await engine.stop()
        await database.close()


async def test_an_attempt_begun_while_the_sweep_reads_is_left_alone(settings, model):
    """The sweep read the rows before the attempt was there; it must not take it for cancelled."""
    database = Slow(settings.database_url)
    async with working(database, settings, model) as person:
        run_id = await person.ask()
        await person.until(run_id, RunStatus.PROPOSED)
        gate = model.gate(Purpose.SUBTASK, 1)

        async def approve():
            await person.do(Approve(run_id, 1))
            await gate.reached()

        database.reader, database.meanwhile = asyncio.current_task(), approve
        await person.orchestrator.engine.sweep()
        gate.open()
        await person.answer_of(run_id)

        outcomes = [attempt.outcome for attempt in await person.attempts_at(run_id, 1)]
    assert outcomes == [Outcome.SUCCEEDED]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_that_goes_away_while_a_process_starts_is_told_in_a_sentence(
    settings, database
):
    refuse_new_processes = """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON process FOR EACH ROW EXECUTE FUNCTION refuse();
    """
    await database.write(lambda connection: connection.exec_driver_sql(refuse_new_processes))

    with pytest.raises(ConfigurationError, match="went away"):
        async with Orchestrator.open(settings):
            pass
