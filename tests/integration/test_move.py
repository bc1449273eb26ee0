"""A SQLite installation moves to PostgreSQL, whole, and what waited there goes on here."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from person import Person, answers, eventually
from typer.testing import CliRunner

from bot.cli import cli
from bot.oauth import stored_tables
from orchestrator.commands import Actor, Approve
from orchestrator.errors import AlreadyRunning, ConfigurationError
from orchestrator.history import Wanted, find
from orchestrator.model.scripted import ScriptedModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store import tables
from orchestrator.store.database import Database, parse, synchronous
from orchestrator.store.lock import lock
from orchestrator.store.move import move
from orchestrator.store.tables import AttemptStatus, EventRow, RunStatus, Team, row

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)
HOSTILE = "<!channel> '; DROP TABLE run; -- \\u0000 \\N \t\r\n %s :x {} 日本 👩‍👩‍👧 \u202e"
MADE_ANEW = {"run_text", "process", "lease", "model_limits", "oldest_code", "moved"}
ROWS = 3


class Side:
    """One of both databases, to write and read as it is stored."""

    def __init__(self, url):
        self.url = url
        self.engine = sa.create_engine(synchronous(parse(url)), poolclass=sa.NullPool)

    def do(self, statement, *values):
        """The rows that come of it, if any do."""
        with self.engine.begin() as connection:
            result = connection.execute(statement, *values)
            return result.all() if result.returns_rows else []

    def rows(self, table):
        with self.engine.begin() as connection:
            return sorted(map(tuple, connection.execute(sa.select(table))), key=repr)


def value_of(column, number):
    """Some value that the column can hold, another for each number."""
    kind = column.type
    if column.foreign_keys:
        (referred,) = column.foreign_keys
        return f"{referred.column.table.name}.{referred.column.name} {number}"
    if isinstance(kind, sa.Enum):
        return list(kind.enum_class)[number % len(kind.enum_class)]
    if isinstance(kind, tables.UtcDateTime):
        return NOON + timedelta(days=number, hours=5)
    if isinstance(kind, sa.JSON):
        return [{"b": number, "a": [HOSTILE, 0.1, None, True]}, None, {}][number % 3]
    if isinstance(kind, sa.LargeBinary):
        return bytes(range(256)) * number
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return Decimal("1234567.000001") * number
    return {bool: bool(number % 2), int: 10 * number, float: number / 10}.get(
        kind.python_type, f"{column.table.name}.{column.name} {number}"
    )


def fill(source):
    """Rows in every table, of every kind of value."""
    for table in tables.metadata.sorted_tables:
        if table.name not in MADE_ANEW:
            values = [{c.name: value_of(c, n) for c in table.c} for n in range(1, ROWS + 1)]
            source.do(sa.insert(table), values)


@pytest.fixture
def source(tmp_path, migrated_file):
    file = tmp_path / "old.db"
    shutil.copy(migrated_file, file)
    return Side(f"sqlite+aiosqlite:///{file}")


@pytest.fixture
def target(postgres):
    url = postgres.take()
    yield Side(url)
    postgres.drop(url)


@pytest.fixture
def empty_target(postgres):
    url = postgres.create()
    yield Side(url)
    postgres.drop(url)


class Broken(Exception):
    pass


def breaking_after(steps):
    """A progress that ends the move by an error."""
    steps = count(-steps)

    def progress(doing, done, total):
        if next(steps) == 0:
            raise Broken

    return progress


def break_off(source, target, steps):
    with pytest.raises(Broken):
        move(source.url, target.url, progress=breaking_after(steps))


def assert_same(source, target):
    for table in tables.metadata.sorted_tables:
        if table.name not in MADE_ANEW:
            was = source.rows(table)
            assert len(was) == ROWS, table.name
            assert target.rows(table) == was, table.name


def test_every_row_of_every_table_is_moved_as_it_was(source, empty_target):
    fill(source)
    moved = move(source.url, empty_target.url)
    assert_same(source, empty_target)
    assert moved == ROWS * (len(tables.metadata.tables) - len(MADE_ANEW))
    assert empty_target.rows(tables.Moved.__table__) == []
    assert len(empty_target.rows(sa.table("run_text", sa.column("run_id")))) == ROWS


def test_json_is_moved_as_it_was_written(source, target):
    fill(source)
    plan = sa.table("plan_revision", sa.column("run_id"), sa.column("plan", sa.Text))
    written = '{"b": 1.0, "a":1e2,  "a": "\\u0000\\ud83d"}'
    source.do(sa.update(plan).where(plan.c.run_id == "run.id 1").values(plan=written))
    move(source.url, target.url)
    as_text = sa.select(sa.cast(plan.c.plan, sa.Text)).where(plan.c.run_id == "run.id 1")
    assert target.do(as_text) == [(written,)]


def test_what_postgresql_cannot_hold_is_left_out(source, target):
    fill(source)
    source.do(sa.update(sa.table("run", sa.column("task"))).values(task="a\0b apples"))
    output = sa.table("attempt", sa.column("data", sa.Text))
    source.do(sa.update(output).values(data='{"a": NaN, "b": -Infinity, "c": "NaN"}'))
    move(source.url, target.url)
    assert {r.task for r in target.do(sa.select(tables.Run.__table__))} == {"ab apples"}
    found = target.do(sa.select(tables.Attempt.__table__))
    assert [attempt.data for attempt in found] == [{"a": None, "b": None, "c": "NaN"}] * ROWS


def test_new_rows_get_numbers_after_those_that_were_moved(source, target):
    fill(source)
    move(source.url, target.url)
    event = sa.insert(EventRow.__table__).values(run_id="run.id 1", kind="x", data={}, at=NOON)
    target.do(event)
    assert max(found.id for found in target.do(sa.select(EventRow.__table__))) == 10 * ROWS + 1


def test_tokens_of_workspaces_stay_encrypted_as_they_were(source, target):
    stored = stored_tables()
    with source.engine.begin() as connection:
        stored.create_all(connection)
    bots = stored.tables["slack_bots"]
    token = "gAAAA" + "x" * 300
    values = {"client_id": "1.2", "app_id": "A1", "bot_token": token, "bot_id": "B1"}
    source.do(
        sa.insert(bots), [values | {"bot_user_id": "U1", "installed_at": NOON.replace(tzinfo=None)}]
    )
    assert move(source.url, target.url, (stored,)) == 1
    assert target.rows(bots) == source.rows(bots)


async def test_runs_are_found_by_their_words_afterwards(source, target):
    fill(source)
    move(source.url, target.url)
    database = Database(target.url)
    async with database.read() as session:
        wanted = Wanted(Actor("team.id 2", "run.requester 2"), frozenset(), words=("run.task",))
        page = await find(session, wanted, 10)
    await database.close()
    assert list(page.ids) == ["run.id 2"]


def test_a_move_that_is_broken_off_anywhere_goes_on_there(source, target):
    fill(source)
    for steps in count(1, step=7):
        try:
            move(source.url, target.url, progress=breaking_after(steps))
        except Broken:
            continue
        break
    assert steps > 20
    assert_same(source, target)
    assert target.rows(tables.Moved.__table__) == []


def test_what_was_moved_before_is_not_moved_again(source, target):
    fill(source)
    break_off(source, target, 20)
    here = {name for name, *_ in target.rows(tables.Moved.__table__)}
    assert {"source", "team", "run"} < here
    writes = []
    # Whoever writes a second time would be told that the key exists.
    move(source.url, target.url, progress=lambda *shown: writes.append(shown))
    assert writes[0][1] > 0
    assert writes[-1] == ("Checking", writes[-1][2], writes[-1][2])


@pytest.fixture
def moving(source, target):
    """A process that moves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "move", "--to", target.url],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": source.url},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.kill()
    process.wait()


async def test_a_move_that_is_killed_goes_on(source, target, request):
    fill(source)
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def is_held_up():
        return target.do(waiting) != [(0,)]

    with target.engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE event IN SHARE MODE"))
        process = request.getfixturevalue("moving")
        await eventually(is_held_up, 60)
        process.kill()
        process.wait()
    assert "run" in {name for name, *_ in target.rows(tables.Moved.__table__)}
    move(source.url, target.url)
    assert_same(source, target)


def test_what_came_after_the_interruption_is_moved_too(source, target):
    source.do(sa.insert(Team.__table__), [row(Team(id="T1"))])
    break_off(source, target, 4)
    source.do(sa.insert(Team.__table__), [row(Team(id="T2"))])
    move(source.url, target.url)
    assert len(target.rows(Team.__table__)) == 2


def test_a_row_that_was_changed_after_it_was_moved_is_noticed(source, target):
    source.do(sa.insert(Team.__table__), [row(Team(id="T1"))])
    break_off(source, target, 4)
    source.do(sa.update(Team.__table__).values(name="Another"))
    with pytest.raises(ConfigurationError, match=r"rows of “team”.*Empty that database"):
        move(source.url, target.url)
    assert target.rows(tables.Moved.__table__) != []


async def test_no_bot_works_on_a_database_that_is_half_moved(source, target):
    source.do(sa.insert(Team.__table__), [row(Team(id="T1"))])
    break_off(source, target, 4)
    settings = Settings(_env_file=None, database_url=target.url, model="offline")
    with pytest.raises(ConfigurationError, match="has not come to its end"):
        async with Orchestrator.open(settings):
            pass


def test_a_target_with_something_of_somebody_else_is_refused_and_left_alone(source, empty_target):
    empty_target.do(sa.text("CREATE TABLE customer (id int)"))
    with pytest.raises(ConfigurationError, match=r"other things in it .“customer”.*empty database"):
        move(source.url, empty_target.url)
    assert sa.inspect(empty_target.engine).get_table_names() == ["customer"]


def test_a_target_that_was_worked_with_is_refused(source, target):
    target.do(sa.insert(Team.__table__), [row(Team(id="T9"))])
    with pytest.raises(ConfigurationError, match="“team”"):
        move(source.url, target.url)


def test_a_target_that_is_being_filled_from_another_file_is_refused(source, target, tmp_path):
    source.do(sa.insert(Team.__table__), [row(Team(id="T1"))])
    break_off(source, target, 4)
    other = shutil.copy(parse(source.url).database, tmp_path / "other.db")
    with pytest.raises(ConfigurationError, match="filled from another file"):
        move(f"sqlite+aiosqlite:///{other}", target.url)


def test_a_file_that_a_bot_works_with_is_not_moved(source, target):
    taken = lock(source.url)
    with pytest.raises(AlreadyRunning):
        move(source.url, target.url)
    taken.release()
    assert move(source.url, target.url) == 0


def test_a_wrong_set_up_is_one_line_and_code_2(source, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refusal(source_url, target_url):
        environment = {"DATABASE_URL": source_url}
        result = CliRunner().invoke(cli, ["move", "--to", target_url], env=environment)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.strip().splitlines()
        return line

    nowhere = f"sqlite+aiosqlite:///{tmp_path}/nothing.db"
    assert "no SQLite database at" in refusal(nowhere, target.url)
    assert not (tmp_path / "nothing.db").exists()
    assert "no SQLite file" in refusal(target.url, target.url)
    assert "--to has to be" in refusal(source.url, source.url)
    away = "postgresql+psycopg://me:s3cret@127.0.0.1:1/none"
    assert "127.0.0.1:1" in (line := refusal(source.url, away))
    assert "s3cret" not in line


async def test_what_waited_goes_on_in_the_new_place(source, target):
    before = Settings(_env_file=None, database_url=source.url, model="offline", grace_s=0.0)
    async with Orchestrator.open(before, ScriptedModel(answers)) as opened:
        person = Person(opened)
        proposed = await person.ask("A task that waits for approval")
        await person.until(proposed, RunStatus.PROPOSED)
        cut_off = await person.ask_and_approve("A task that was at work")
        await person.until(cut_off, RunStatus.COMPLETED)
    attempt = tables.Attempt.__table__
    run, subtask = tables.Run.__table__, tables.SubtaskRow.__table__
    source.do(
        sa.update(attempt)
        .where(attempt.c.run_id == cut_off, attempt.c.subtask.is_(None), attempt.c.number == 1)
        .where(attempt.c.purpose == "synthesis")
        .values(status=AttemptStatus.RUNNING, outcome=None, worker="gone", output=None)
    )
    ((of_it,),) = source.do(sa.select(attempt.c.id).where(attempt.c.worker == "gone"))
    source.do(
        sa.update(run)
        .where(run.c.id == cut_off)
        .values(status=RunStatus.SYNTHESIZING, attempt_id=of_it, answer_attempt_id=None)
    )
    done = source.do(sa.select(subtask).where(subtask.c.run_id == cut_off))
    move(source.url, target.url)

    after = before.model_copy(update={"database_url": target.url, "beat_s": 0.1})
    async with Orchestrator.open(after, ScriptedModel(answers)) as opened:
        person = Person(opened)
        await person.do(Approve(proposed, 1))
        assert await person.answer_of(proposed) == "The answer."
        assert await person.answer_of(cut_off) == "The answer."
    assert target.do(sa.select(subtask).where(subtask.c.run_id == cut_off)) == done
