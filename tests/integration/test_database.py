import asyncio
import contextlib
import gc
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlmodel import select

from orchestrator.store.database import Database
from orchestrator.store.tables import Team, row

teams = Team.__table__


def insert(team_id, **fields):
    """A work that stores a team of that id."""

    def work(connection):
        connection.execute(sa.insert(teams), [row(Team(id=team_id, **fields))])
        return team_id

    return work


def insert_and_fail(team_id):
    def work(connection):
        insert(team_id)(connection)
        raise LookupError(team_id)

    return work


async def ids_in(database):
    async with database.read() as session:
        return sorted((await session.exec(select(Team.id))).all())


class Held:
    """A work that stands in the writer's thread until it is let go."""

    def __init__(self, team_id):
        self.work = insert(team_id)
        self.may_end = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._begun = asyncio.Event()

    def __call__(self, connection):
        self._loop.call_soon_threadsafe(self._begun.set)
        assert self.may_end.wait(10)
        return self.work(connection)

    async def begun(self):
        await asyncio.wait_for(self._begun.wait(), 10)


async def test_a_write_returns_what_it_did_once_everybody_can_see_it(database, database_url):
    other = Database(database_url)

    assert await database.write(insert("T1")) == "T1"
    assert await ids_in(other) == ["T1"]
    await other.close()


async def test_a_failing_write_is_undone_and_raises_and_its_neighbours_stay(database):
    works = [insert("T1"), insert_and_fail("T2"), insert("T3"), insert_and_fail("T4")]

    results = await asyncio.gather(*map(database.write, works), return_exceptions=True)

    assert [str(result) for result in results] == ["T1", "T2", "T3", "T4"]
    assert [type(result) for result in results] == [str, LookupError, str, LookupError]
    assert await ids_in(database) == ["T1", "T3"]


async def test_a_neighbour_that_breaks_a_constraint_fails_alone(database):
    works = [insert("T1"), insert("T1"), insert("T2")]

    results = await asyncio.gather(*map(database.write, works), return_exceptions=True)

    failed = [result for result in results if isinstance(result, Exception)]
    assert [type(error) for error in failed] == [sa.exc.IntegrityError]
    assert await ids_in(database) == ["T1", "T2"]


async def test_an_error_says_nothing_of_what_was_read_or_written(database):
    query, given = sa.text("SELECT 1 FROM nowhere WHERE said = :said"), {"said": "what Ada wrote"}

    with pytest.raises(sa.exc.DBAPIError) as written:
        await database.write(lambda connection: connection.execute(query, given))
    async with database.read() as session:
        with pytest.raises(sa.exc.DBAPIError) as read:
            await session.exec(query, params=given)

    assert "Ada" not in f"{written.value} {read.value}"


async def test_being_cancelled_while_waiting_does_not_undo_a_write(database_url):
    database = Database(database_url)
    held = Held("T1")
    waiting = asyncio.create_task(database.write(held))
    await held.begun()
    behind = asyncio.create_task(database.write(insert("T2")))
    await asyncio.sleep(0)

    waiting.cancel()
    behind.cancel()
    held.may_end.set()
    await asyncio.wait([waiting, behind])
    await database.close()

    assert waiting.cancelled()
    assert behind.cancelled()
    later = Database(database_url)
    assert await ids_in(later) == ["T1", "T2"]
    await later.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_one_that_stands_still_in_a_transaction_does_not_hold_the_others_up_for_long(
    database, database_url
):
    limit = sa.text("SELECT current_setting('idle_in_transaction_session_timeout')")
    assert await database.write(lambda connection: connection.scalar(limit)) == "8s"
    async with database.read() as session:
        assert (await session.exec(limit)).scalar_one() == "8s"


async def test_closing_finishes_what_was_asked_for(database_url):
    database = Database(database_url)
    held = Held("T0")
    first = asyncio.create_task(database.write(held))
    await held.begun()
    rest = [asyncio.create_task(database.write(insert(f"T{n}"))) for n in range(1, 20)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    held.may_end.set()
    await closing

    assert len(await asyncio.gather(first, *rest)) == 20
    again = Database(database_url)
    assert len(await ids_in(again)) == 20
    await again.close()


async def test_a_closed_database_refuses_writes(database_url):
    database = Database(database_url)
    await database.close()

    with pytest.raises(RuntimeError, match="closed"):
        await database.write(insert("T1"))


async def test_reading_sees_only_what_is_committed_and_does_not_wait_for_writers(database):
    def slow(connection):
        insert("T1")(connection)
        return held(connection)

    held = Held("T2")
    writing = asyncio.create_task(database.write(slow))
    await held.begun()

    assert await ids_in(database) == []
    held.may_end.set()
    await writing
    assert await ids_in(database) == ["T1", "T2"]


async def test_what_was_read_stays_usable_afterwards(database):
    await database.write(insert("T1", name="One"))
    async with database.read() as session:
        team = await session.get(Team, "T1")

    assert team.name == "One"


async def test_many_writers_at_once_lose_nothing(database):
    await asyncio.gather(*(database.write(insert(f"T{n}")) for n in range(300)))

    assert len(await ids_in(database)) == 300


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_what_is_asked_for_in_one_turn_shares_a_transaction(database):
    connections = []
    await asyncio.gather(*(database.write(connections.append) for _ in range(50)))

    assert len({id(connection) for connection in connections}) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_writes_happen_in_the_order_they_were_asked_for(database):
    order = []

    def note(n):
        return lambda _: order.append(n)

    waiting = []
    for n in range(30):
        waiting.append(asyncio.create_task(database.write(note(n))))
        if n % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)

    assert order == list(range(30))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_two_programs_may_write_to_one_sqlite_file(database, database_url):
    other = Database(database_url)
    await asyncio.gather(
        *(
            side.write(insert(f"{name}{n}"))
            for n in range(50)
            for name, side in (("A", database), ("B", other))
        )
    )

    assert len(await ids_in(other)) == 100
    await other.close()


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_whatever_fails_exactly_the_rest_is_there(database_url, asked):
    """Works that fail, clash or succeed, in one turn: each as if it had been alone."""

    async def scenario():
        database = Database(database_url)
        try:
            await database.write(lambda connection: connection.execute(sa.delete(teams)) and None)
            works = [(insert_and_fail if fails else insert)(f"T{n}") for n, fails in asked]
            results = await asyncio.gather(*map(database.write, works), return_exceptions=True)
            return results, await ids_in(database)
        finally:
            await database.close()

    results, there = asyncio.run(scenario())

    wanted = {f"T{n}" for n, fails in asked if not fails}
    assert sorted(result for result in results if isinstance(result, str)) == there
    assert there == sorted(wanted)


# --- times ---------------------------------------------------------------------------------

OSLO = timezone(timedelta(hours=2))


async def test_times_come_back_aware_and_in_utc(database):
    at = datetime(2026, 3, 4, 12, 30, 15, 123456, tzinfo=OSLO)
    await database.write(insert("T1", created_at=at))
    async with database.read() as session:
        team = await session.get(Team, "T1")

    assert team.created_at == at
    assert team.created_at.tzinfo is UTC or team.created_at.utcoffset() == timedelta(0)


async def test_times_of_any_zone_are_compared_as_the_moments_they_are(database):
    early = datetime(2026, 1, 1, 12, tzinfo=OSLO)
    await database.write(insert("T1", created_at=early))
    async with database.read() as session:
        found = await session.exec(
            select(Team.id).where(Team.created_at < datetime(2026, 1, 1, 11, tzinfo=UTC))
        )

    assert found.all() == ["T1"]


async def test_a_time_without_a_zone_is_a_mistake(database):
    def naive(connection):
        values = row(Team(id="T1")) | {"created_at": datetime(2026, 1, 1)}  # noqa: DTZ001
        connection.execute(sa.insert(teams), [values])

    with pytest.raises(sa.exc.StatementError, match="a time needs a zone"):
        await database.write(naive)


async def test_a_write_that_nobody_waits_for_any_more_may_fail_in_silence(database, caplog):
    waiting = asyncio.create_task(database.write(insert_and_fail("T1")))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await database.write(insert("T2"))

    assert await ids_in(database) == ["T2"]
    assert caplog.records == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_read_broken_off_at_any_moment_leaves_no_connection_open(database_url, times):
    async def read(database):
        async with database.read() as session:
            await session.exec(select(Team.id))

    for turns in range(0, 40, 5):
        database = Database(database_url)
        reading = asyncio.create_task(read(database))
        for _ in range(turns):
            await asyncio.sleep(0)
        for _ in range(times):
            reading.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([reading])
        await database.close()
    # Connections that were not closed are complained about when they are collected.
    gc.collect()
