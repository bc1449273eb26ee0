import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.dialects.postgresql import TSVECTOR

from orchestrator.errors import ConfigurationError, NewerDatabase
from orchestrator.store import tables
from orchestrator.store.database import parse, synchronous
from orchestrator.store.migrate import migrate
from orchestrator.store.migrations import is_modelled


@pytest.fixture
def connect(empty_database_url):
    engine = sa.create_engine(synchronous(parse(empty_database_url)), poolclass=sa.NullPool)
    yield engine.begin
    engine.dispose()


def revisions(connection):
    return list(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())


def test_an_empty_database_gets_every_table(empty_database_url, connect):
    revision = migrate(empty_database_url)

    with connect() as connection:
        assert set(tables.metadata.tables) < set(sa.inspect(connection).get_table_names())
        assert revisions(connection) == [revision]


def test_migrating_again_changes_nothing_and_loses_nothing(empty_database_url, connect):
    first = migrate(empty_database_url)
    with connect() as connection:
        connection.execute(sa.insert(tables.Team.__table__), [tables.row(tables.Team(id="T1"))])

    assert migrate(empty_database_url) == first
    with connect() as connection:
        assert connection.execute(sa.select(tables.Team.__table__.c.id)).scalars().all() == ["T1"]


def test_the_migrations_make_the_tables_that_the_code_uses(empty_database_url, connect):
    migrate(empty_database_url)

    with connect() as connection:
        context = MigrationContext.configure(
            connection,
            # Defaults serve older code, which does not know the column.
            opts={
                "compare_type": _is_another_type,
                "compare_server_default": False,
                "include_name": is_modelled,
            },
        )
        assert compare_metadata(context, tables.metadata) == []


def test_runs_of_before_are_found_by_their_words_and_every_step_can_be_taken_back(
    empty_database_url, connect
):
    columns = {"team_id": "T1", "name": "R-2AAA", "task": "Look at apples", "requester": "U1"}
    run = tables.row(tables.Run(id="1", **columns))
    with connect() as connection:
        _to(connection, "0002")
        connection.execute(sa.insert(tables.Team.__table__), [{"id": "T1", **_TEAM}])
        known = {c["name"] for c in sa.inspect(connection).get_columns("run")}
        row = {name: value for name, value in run.items() if name in known}
        connection.execute(sa.insert(tables.Run.__table__), [row])

    migrate(empty_database_url)
    with connect() as connection:
        assert connection.execute(sa.text("SELECT run_id FROM run_text")).scalars().all() == ["1"]
        _to(connection, "0002")
        assert "run_text" not in sa.inspect(connection).get_table_names()
    migrate(empty_database_url)
    with connect() as connection:
        assert connection.execute(sa.text("SELECT run_id FROM run_text")).scalars().all() == ["1"]


_TEAM = {"name": "", "is_plain": False, "created_at": tables.now()}


def _to(connection, revision):
    """Bring the database to a revision, forwards or backwards."""
    config = Config()
    folder = resources.files("orchestrator.store").joinpath("migrations")
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    (command.downgrade if current else command.upgrade)(config, revision)


def _is_another_type(context, inspected, column, stored, wanted):
    """Whether the column holds something else. How long a text may be is the code's affair."""
    texts_and_bytes = (sa.String, sa.types._Binary, TSVECTOR)
    kinds = (*texts_and_bytes, sa.Integer, sa.Numeric, sa.Float, sa.DateTime, sa.Boolean, sa.JSON)
    plain = wanted.dialect_impl(context.dialect)
    plain = plain.impl if isinstance(plain, sa.types.TypeDecorator) else plain
    return not any(isinstance(stored, kind) and isinstance(plain, kind) for kind in kinds)


def test_threads_that_migrate_at_once_do_it_one_after_the_other(empty_database_url, connect):
    with ThreadPoolExecutor(4) as threads:
        migrated = list(threads.map(migrate, [empty_database_url] * 4))

    assert len(set(migrated)) == 1
    with connect() as connection:
        assert revisions(connection) == migrated[:1]


def test_processes_that_migrate_at_once_do_it_one_after_the_other(empty_database_url, connect):
    program = "import sys; from orchestrator.store.migrate import migrate; migrate(sys.argv[1])"
    command = [sys.executable, "-c", program, empty_database_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=30)[1], process.returncode) for process in started]

    assert [code for _, code in ended] == [0, 0], ended
    with connect() as connection:
        assert len(revisions(connection)) == 1


def test_while_a_later_version_is_rolled_out_this_one_works_beside_it(empty_database_url, connect):
    migrate(empty_database_url)
    with connect() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    assert migrate(empty_database_url) == "9999"


def test_a_database_of_a_version_too_late_for_this_one_is_left_alone(empty_database_url, connect):
    migrate(empty_database_url)
    with connect() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("UPDATE oldest_code SET revision = '9999'"))

    with pytest.raises(NewerDatabase, match="later version"):
        migrate(empty_database_url)
    with connect() as connection:
        assert revisions(connection) == ["9999"]


def test_the_folder_of_a_sqlite_file_is_made(tmp_path):
    migrate(f"sqlite+aiosqlite:///{tmp_path}/a/b/c.db")

    assert (tmp_path / "a" / "b" / "c.db").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "c.db"

    with pytest.raises(ConfigurationError) as refused:
        migrate(f"sqlite+aiosqlite:///{place}")

    sentence = str(refused.value)
    assert sentence.startswith(f"The database at {place} cannot be opened (")
    assert sentence.endswith("Check DATABASE_URL and that the folder can be written to.")


def test_a_place_where_no_file_can_be_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        migrate(f"sqlite+aiosqlite:///{tmp_path}")


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader, " * 100)

    with pytest.raises(ConfigurationError, match=r"letter\.txt cannot be opened"):
        migrate(f"sqlite+aiosqlite:///{letter}")
    assert letter.read_text().startswith("Dear reader")


def test_a_server_that_does_not_answer_is_named():
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1 cannot be opened"):
        migrate("postgresql://nobody:secret@127.0.0.1:1/nothing")
