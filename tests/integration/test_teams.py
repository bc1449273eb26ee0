"""The app comes into workspaces and is removed from them."""

from functools import partial

import pytest
import sqlalchemy as sa
from person import Person
from sqlmodel import select

from orchestrator import teams
from orchestrator.commands import AddSchedule, Approve
from orchestrator.errors import Outdated
from orchestrator.model.base import Purpose
from orchestrator.store.tables import (
    Attempt,
    AttemptStatus,
    Request,
    RequestStatus,
    RunStatus,
    Schedule,
    Team,
)


@pytest.fixture
def other(orchestrator):
    """Somebody of another team, with the same id."""
    return Person(orchestrator, "T2")


@pytest.fixture
def read(orchestrator):
    async def rows(query):
        async with orchestrator.database.read() as session:
            return (await session.exec(query)).all()

    return rows


async def test_everything_of_a_team_ends_and_nothing_of_another(
    orchestrator, person, other, model, read
):
    gate = model.gate(Purpose.SUBTASK)
    proposed = await person.ask()
    theirs = await other.ask()
    await person.until(proposed, RunStatus.PROPOSED)
    await other.until(theirs, RunStatus.PROPOSED)
    running = await person.ask(auto_approve=True)
    await gate.reached()

    await orchestrator.leave("T1")

    for run_id in (proposed, running):
        run = await person.run(run_id)
        assert (run.status, run.ended_by) == (RunStatus.STOPPED, "the removal of the app")
        assert run.shown_version == run.version
        assert ("run_stopped", None) in await person.events(run_id)
    assert (await other.run(theirs)).status is RunStatus.PROPOSED
    unfinished = select(Attempt).where(Attempt.status != AttemptStatus.FINISHED)
    assert await read(unfinished) == []
    still_open = select(Request.run_id).where(Request.status == RequestStatus.OPEN)
    assert await read(still_open) == [theirs]
    with pytest.raises(Outdated):
        await person.do(Approve(proposed, 1))
    gate.open()
    await other.do(Approve(theirs, 1))
    assert await other.answer_of(theirs) == "The answer."


async def test_schedules_of_a_team_that_left_begin_nothing(orchestrator, person, other, read):
    for each in (person, other):
        await each.do(AddSchedule("Look at the news", "C1", "0 9 * * *"))
    await orchestrator.leave("T1")
    paused = {s.team_id: (s.is_paused, s.next_at is None) for s in await read(select(Schedule))}
    assert paused == {"T1": (True, True), "T2": (False, False)}


async def test_what_was_over_stays_as_it_was(orchestrator, person):
    run_id = await person.ask(auto_approve=True)
    await person.answer_of(run_id)
    await orchestrator.leave("T1")
    await orchestrator.leave("T1")
    assert (await person.run(run_id)).status is RunStatus.COMPLETED


async def test_a_team_that_comes_back_begins_anew(orchestrator, person, read):
    await person.ask()
    await orchestrator.leave("T1")
    (team,) = await read(select(Team))
    assert team.left_at is not None
    join = partial(teams.join, team_id="T1", name="One", enterprise_id="E1")
    await orchestrator.database.write(join)
    (team,) = await read(select(Team))
    assert (team.left_at, team.name, team.enterprise_id) == (None, "One", "E1")
    assert await person.answer_of(await person.ask(auto_approve=True)) == "The answer."


async def test_the_workspaces_of_an_organisation_are_those_the_app_is_in(database):
    for team_id, enterprise_id in (("T1", "E1"), ("T2", "E1"), ("T3", None), ("T4", "E2")):
        join = partial(teams.join, team_id=team_id, name="", enterprise_id=enterprise_id)
        await database.write(join)
    await database.write(partial(teams.leave, team_id="T2"))
    of = partial(teams.of_enterprise, enterprise_id="E1")
    assert await database.write(of) == ["T1"]


async def test_a_team_keeps_its_name_where_none_is_said(database):
    for name in ("One", ""):
        join = partial(teams.join, team_id="T1", name=name, enterprise_id=None)
        await database.write(join)

    def names(connection):
        return list(connection.execute(sa.select(teams.team.c.name)).scalars())

    assert await database.write(names) == ["One"]
