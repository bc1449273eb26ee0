"""Answers that are read along, while they are written, in another process than the one at work."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from person import Person, answers, eventually

from orchestrator.model.base import Purpose
from orchestrator.orchestrator import Orchestrator

ANSWER = "".join(f"Line {number} of <answer> “é\u2028”.\n" for number in range(500))
_LISTENERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN orchestrator%'"
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Reader:
    """Somebody who reads along, in a process that does no work itself."""

    def __init__(self):
        self.pieces = {}

    def hear(self, run_id, attempt_id, piece):
        self.pieces.setdefault(run_id, []).append(piece)

    def has_all(self, run_id):
        async def heard():
            return "".join(self.pieces.get(run_id, [])) == ANSWER

        return heard

    def has_begun(self, run_id):
        async def heard():
            return run_id in self.pieces

        return heard


class Halting:
    """A model that stops in the middle of its answers until it is told to go on."""

    def __init__(self, model):
        self._model = model
        self.go_on = asyncio.Event()

    async def complete(self, call, on_text=None):
        if on_text is not None:
            on_text(ANSWER[:100])
            await self.go_on.wait()
            on_text(ANSWER[100:])
        return await self._model.complete(call)

    async def close(self):
        await self._model.close()


@asynccontextmanager
async def reading(settings):
    async with Orchestrator.open(settings, works=False) as elsewhere:
        reader = Reader()
        elsewhere.subscribe_text(reader.hear)
        yield reader


def answering(call):
    return ANSWER if call.purpose is Purpose.SYNTHESIS else answers(call, [()])


@pytest.fixture
async def person(settings, model):
    model.answering = answering
    async with Orchestrator.open(settings, model) as opened:
        yield Person(opened)


async def on_database(person, query):
    async with person.orchestrator.database.engine.begin() as connection:
        return (await connection.execute(sa.text(query))).scalar()


def listen(person, count):
    async def listening():
        return await on_database(person, f"SELECT count(*) {_LISTENERS}") == count

    return eventually(listening)


async def test_everybody_elsewhere_hears_the_whole_answer_in_order(person, settings):
    async with reading(settings) as first, reading(settings) as second:
        await listen(person, 2)
        runs = [await person.ask_and_approve() for _ in range(3)]
        for run_id in runs:
            for reader in (first, second):
                await eventually(reader.has_all(run_id))
                assert len(reader.pieces[run_id]) > 1


async def test_who_works_and_reads_hears_each_piece_once(person, settings):
    reader = Reader()
    person.orchestrator.subscribe_text(reader.hear)
    async with reading(settings) as elsewhere:
        await listen(person, 2)
        run_id = await person.ask_and_approve()
        await eventually(elsewhere.has_all(run_id))
        await person.answer_of(run_id)
    assert "".join(reader.pieces[run_id]) == ANSWER


async def test_who_lost_the_connection_hears_the_next_answer(person, settings):
    async with reading(settings) as reader:
        await listen(person, 1)
        pid = await on_database(person, f"SELECT pid {_LISTENERS}")
        await on_database(person, f"SELECT pg_terminate_backend({pid})")

        async def again():
            now = await on_database(person, f"SELECT pid {_LISTENERS}")
            return now not in (None, pid)

        await eventually(again)
        run_id = await person.ask_and_approve()
        await eventually(reader.has_all(run_id))


async def test_who_comes_late_hears_the_next_answer_and_no_end_without_its_beginning(
    settings, model
):
    model.answering = answering
    halting = Halting(model)
    async with (
        Orchestrator.open(settings, halting) as opened,
        reading(settings) as early,
    ):
        slow = Person(opened)
        await listen(slow, 1)
        missed = await slow.ask_and_approve()
        await eventually(early.has_begun(missed))
        async with reading(settings) as late:
            await listen(slow, 2)
            halting.go_on.set()
            await eventually(early.has_all(missed))
            heard = await slow.ask_and_approve()
            await eventually(late.has_all(heard))
            assert late.pieces.keys() == {heard}
