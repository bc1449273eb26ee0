"""Past runs are found by whose they are, where, how they stand and what was asked."""

import pytest
import sqlalchemy as sa

from orchestrator.commands import Actor
from orchestrator.history import State, Wanted, find
from orchestrator.store import changes
from orchestrator.store.tables import (
    Request,
    RequestKind,
    RequestStatus,
    Run,
    RunStatus,
    Team,
    new_row,
    row,
)

ADA = Actor("T1", "U1")


@pytest.fixture
async def add(database):
    """Adds a run, for Ada where nobody else is named; gives its id."""

    def team(connection):
        connection.execute(sa.insert(Team.__table__), [row(Team(id="T1")), row(Team(id="T2"))])

    await database.write(team)
    names = iter(f"R-{number}AAA" for number in range(2, 1000))

    async def added(task="A task", **columns):
        columns = {"team_id": "T1", "requester": "U1", "channel": "C1", **columns}
        values = new_row(Run, name=next(names), task=task, **columns)
        await database.write(lambda c: c.execute(sa.insert(changes.run), [values]))
        return values["id"]

    return added


@pytest.fixture
def found(database):
    """What Ada finds, oldest first."""

    async def ids(*words, actor=ADA, channels=("C1",), most=100, at=None, **wanted):
        wanted = {name: frozenset(values) for name, values in wanted.items()}
        asked = Wanted(actor, frozenset(channels), words=words, **wanted)
        async with database.read() as session:
            return list((await find(session, asked, most, at)).ids)[::-1]

    return ids


@pytest.fixture
def pages(database):
    async def page(most, at=None, **wanted):
        asked = Wanted(ADA, frozenset({"C1"}), **wanted)
        async with database.read() as session:
            return await find(session, asked, most, at)

    return page


async def test_nobody_finds_runs_of_channels_they_are_not_in(add, found):
    mine = await add(channel="C9")
    seen = await add(requester="U2", channel="C1")
    await add(requester="U2", channel="C9")
    await add(requester="U2", channel="D2")
    await add(requester="U2", channel=None)
    assert await found() == [mine, seen]
    assert await found(channels=()) == [mine]
    assert await found(places={"C9"}) == [mine]


async def test_teams_never_see_each_other(add, found):
    mine = await add("Look at apples")
    await add("Look at apples", team_id="T2")
    assert await found() == [mine]
    assert await found("apples") == [mine]


async def test_people_and_places_narrow_what_is_found(add, found):
    mine = await add(channel="C1")
    hers = await add(requester="U2", channel="C2")
    both = {"channels": ("C1", "C2")}
    assert await found(**both, people={"U1"}) == [mine]
    assert await found(**both, people={"U1", "U2"}) == [mine, hers]
    assert await found(**both, places={"C2"}) == [hers]
    assert await found(**both, people={"U1"}, places={"C2"}) == []


async def test_states_are_found_while_they_last(add, found, database):
    run_id = await add(status=RunStatus.RUNNING)
    done = await add(status=RunStatus.COMPLETED)
    failed = await add(status=RunStatus.STOPPED)
    assert await found(states={State.RUNNING}) == [run_id]
    assert await found(states={State.FAILED}) == [failed]
    assert await found(states={State.FAILED, State.RUNNING}) == [run_id, failed]
    letter = new_row(Request, run_id=run_id, kind=RequestKind.DEAD_LETTER)
    await database.write(lambda c: c.execute(sa.insert(changes.request), [letter]))
    assert await found(states={State.DEAD}) == [run_id]
    await database.write(
        lambda c: c.execute(sa.update(changes.request).values(status=RequestStatus.ANSWERED))
    )
    assert await found(states={State.DEAD}) == []
    await database.write(
        lambda c: c.execute(sa.update(changes.run).values(status=RunStatus.FAILED))
    )
    assert await found(states={State.RUNNING}) == []
    assert await found(states={State.FAILED}) == [run_id, done, failed]


async def test_a_question_is_no_dead_letter(add, found, database):
    run_id = await add(status=RunStatus.RUNNING)
    question = new_row(Request, run_id=run_id, kind=RequestKind.QUESTION)
    await database.write(lambda c: c.execute(sa.insert(changes.request), [question]))
    assert await found(states={State.DEAD}) == []


@pytest.mark.parametrize(
    "words",
    [
        ("apples",),
        ("APPLES",),
        ("app",),
        ("apples", "pears"),
        ("pears", "apples"),
        ("red-apples",),
        ("Red", "apples,"),
        ("R-2AAA",),
        ("2aaa",),
        ("10%",),
        ("C++",),
        ("naïve",),
        ("ÄRGER",),
        ("日本",),
    ],
)
async def test_words_are_found(add, found, words):
    run_id = await add("Compare red apples, pears and C++ in 10% of naïve cases: Ärger 日本語")
    assert await found(*words) == [run_id]


@pytest.mark.parametrize(
    "words",
    [
        ("plums",),
        ("apples", "plums"),
        ("pples",),
        ("apples-red",),
        ("ap",),
        ("apples!x",),
        ("%",),
        ('"',),
        ("*",),
        ("(",),
        ("\\",),
        ("T1",),
        ("uT1U1",),
        ("cT1C1",),
        ("islive",),
    ],
)
async def test_what_is_not_there_is_not_found(add, found, words):
    await add("Compare red apples, and pears", status=RunStatus.RUNNING)
    assert await found(*words) == []


@pytest.mark.parametrize(
    "hostile",
    [
        'apples" OR "x',
        "apples' | 'x",
        "apples OR pears",
        "NOT",
        "NEAR(apples, 3)",
        "words:apples",
        "scope : tT2",
        "apples*",
        "!apples",
        "apples:*",
        "apples & !pears",
        "<->",
        "'",
        '""',
        "\\'apples",
        "^apples",
        "{scope}",
        "; DROP TABLE run",
        "--",
    ],
)
async def test_words_are_data_whatever_they_look_like(add, found, hostile):
    await add("Something else altogether")
    assert await found(hostile) == []
    assert len(await found()) == 1


async def test_pages_go_on_from_where_the_last_one_ended(add, pages):
    ids = [await add(f"Task {number}") for number in range(8)][::-1]
    first = await pages(3)
    assert (list(first.ids), first.newer) == (ids[:3], None)
    second = await pages(3, first.older)
    assert list(second.ids) == ids[3:6]
    third = await pages(3, second.older)
    assert (list(third.ids), third.older) == (ids[6:], None)
    again = await pages(3, third.newer)
    assert list(again.ids) == ids[3:6]
    assert again.older is not None
    begin = await pages(3, again.newer)
    assert (list(begin.ids), begin.newer) == (ids[:3], None)


async def test_pages_stay_as_they_are_while_new_runs_come(add, pages):
    ids = [await add(f"Task {number}") for number in range(6)][::-1]
    first = await pages(3)
    new = await add("Another")
    assert list((await pages(3, first.older)).ids) == ids[3:]
    assert list((await pages(3)).ids) == [new, *ids[:2]]


async def test_a_page_that_is_just_full_is_the_last(add, pages):
    for number in range(3):
        await add(f"Task {number}")
    assert (await pages(3)).older is None
    assert (await pages(2)).older is not None


async def test_a_run_that_is_deleted_is_not_found(add, found, database):
    run_id = await add("Look at apples")
    await database.write(lambda c: c.execute(sa.delete(changes.run)))
    assert await found("apples") == []
    assert await found() == []
    assert run_id


async def test_a_task_of_any_length_is_stored(add, found):
    run_id = await add(f"apples {'x' * 3_000} " + "".join(f"word{n} " for n in range(60_000)))
    assert await found("apples") == [run_id]
    assert await found("word59999") == []
