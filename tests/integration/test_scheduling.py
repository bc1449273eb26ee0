"""Schedules: made, paused, resumed, removed, and due once each time."""

import asyncio
from datetime import UTC, timedelta

import pytest
import sqlalchemy as sa
from person import Person
from sqlmodel import select

from orchestrator.commands import (
    AddSchedule,
    FireSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
)
from orchestrator.control.scheduling import MOST_OF_A_PERSON
from orchestrator.errors import InvalidInput, NotFound, Outdated
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.clock import now
from orchestrator.store.tables import Schedule

DAILY = AddSchedule("Look at the news", "C1", "0 9 * * *", "Europe/London")


@pytest.fixture
def stored(orchestrator):
    async def read():
        async with orchestrator.database.read() as session:
            return (await session.exec(select(Schedule).order_by(Schedule.id))).all()

    return read


@pytest.fixture
def add(person, stored):
    """Make a schedule; gives its row."""

    async def made(command=DAILY):
        await person.do(command)
        return (await stored())[-1]

    return made


def fire(schedule, at=None):
    return FireSchedule(schedule.id, schedule.next_at, at or schedule.next_at)


async def test_a_schedule_is_stored_as_it_is_meant(add):
    schedule = await add(AddSchedule("Look  at\r\nthe news", "C1", "0 9 * * MON", "Asia/Tokyo"))
    assert (schedule.team_id, schedule.user_id, schedule.channel) == ("T1", "U1", "C1")
    assert (schedule.cron, schedule.timezone) == ("0 9 * * mon", "Asia/Tokyo")
    assert schedule.task == "Look  at\nthe news"
    assert schedule.next_at > now()
    assert schedule.next_at.hour == 0
    assert schedule.name.startswith("S-")
    assert not schedule.is_paused


@pytest.mark.parametrize(
    "wrong",
    [
        AddSchedule("A task", "C1", "nonsense"),
        AddSchedule("A task", "C1", "* * * * *"),
        AddSchedule("A task", "C1", "0 9 * * *", "Mars/Phobos"),
        AddSchedule("  \n ", "C1", "0 9 * * *"),
    ],
)
async def test_what_makes_no_sense_is_not_stored(person, stored, wrong):
    with pytest.raises(InvalidInput):
        await person.do(wrong)
    assert await stored() == []


async def test_a_person_has_so_many_schedules_and_no_more(orchestrator, person, stored):
    for _ in range(MOST_OF_A_PERSON):
        await person.do(AddSchedule("Look at the news", "C1", "0 9 * * *"))
    with pytest.raises(InvalidInput, match="20 is the most"):
        await person.do(AddSchedule("Look at the news", "C1", "0 9 * * *"))
    await Person(orchestrator, user_id="U2").do(AddSchedule("Another", "C1", "0 9 * * *"))
    assert len(await stored()) == MOST_OF_A_PERSON + 1


async def test_a_paused_schedule_is_not_due_until_it_is_resumed(person, add, stored):
    schedule = await add()
    assert "paused" in (await person.do(PauseSchedule(schedule.name, "It rains."))).sentence
    (paused,) = await stored()
    assert (paused.is_paused, paused.next_at, paused.trouble) == (True, None, "It rains.")
    with pytest.raises(Outdated, match="paused already"):
        await person.do(PauseSchedule(schedule.name))
    with pytest.raises(Outdated):
        await person.do(fire(schedule))
    await person.do(ResumeSchedule(schedule.name))
    (resumed,) = await stored()
    assert (resumed.is_paused, resumed.trouble) == (False, "")
    assert resumed.next_at == schedule.next_at
    with pytest.raises(Outdated, match="not paused"):
        await person.do(ResumeSchedule(schedule.name))
    assert await person.runs() == []


async def test_a_removed_schedule_is_gone_and_its_runs_stay(person, add, stored):
    schedule = await add()
    await person.do(fire(schedule))
    await person.do(RemoveSchedule(schedule.name))
    assert await stored() == []
    assert len(await person.runs()) == 1
    with pytest.raises(NotFound):
        await person.do(RemoveSchedule(schedule.name))


async def test_another_team_cannot_reach_a_schedule(orchestrator, add, stored):
    schedule = await add()
    stranger = Person(orchestrator, team_id="T2")
    for command in (PauseSchedule(schedule.name), RemoveSchedule(schedule.name)):
        with pytest.raises(NotFound):
            await stranger.do(command)
    with pytest.raises(Outdated):
        await stranger.do(fire(schedule))
    assert await stored() == [schedule]


async def test_a_due_time_begins_one_run_however_often_it_is_fired(person, add, stored):
    schedule = await add()
    fired = await asyncio.gather(
        *(person.do(fire(schedule)) for _ in range(5)), return_exceptions=True
    )
    assert sorted(isinstance(result, Outdated) for result in fired) == [
        False,
        True,
        True,
        True,
        True,
    ]
    (run,) = await person.runs()
    assert (run.task, run.requester, run.channel, run.thread) == (
        "Look at the news",
        "U1",
        "C1",
        None,
    )
    (moved,) = await stored()
    assert moved.next_at.astimezone(UTC) >= schedule.next_at + timedelta(hours=23)
    assert (moved.last_at, moved.last_run_id) == (schedule.next_at, run.id)


async def test_what_was_missed_is_done_once_and_goes_on_in_the_future(person, add, stored):
    schedule = await add()
    late = schedule.next_at + timedelta(days=10, hours=1)
    await person.do(fire(schedule, late))
    (moved,) = await stored()
    assert late < moved.next_at < late + timedelta(days=1)
    assert len(await person.runs()) == 1


async def test_a_run_that_cannot_begin_leaves_the_schedule_due(orchestrator, person, add, stored):
    schedule = await add()
    table = Schedule.__table__
    await orchestrator.database.write(
        lambda connection: connection.execute(sa.update(table).values(task=""))
    )
    with pytest.raises(InvalidInput):
        await person.do(fire(schedule))
    assert (await stored())[0].next_at == schedule.next_at
    assert await person.runs() == []


async def test_schedules_survive_a_restart(settings, model):
    async with Orchestrator.open(settings, model) as first:
        await Person(first).do(DAILY)
    async with Orchestrator.open(settings, model) as second:
        async with second.database.read() as session:
            schedule = (await session.exec(select(Schedule))).one()
        await Person(second).do(fire(schedule))
        assert len(await Person(second).runs()) == 1
