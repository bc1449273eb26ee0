"""Bring a database to the tables this version of the program uses."""

from __future__ import annotations

from functools import cache
from importlib import resources

import sqlalchemy as sa
from alembic import command, util
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from orchestrator.errors import ConfigurationError, NewerDatabase
from orchestrator.store.database import parse, sqlite_path, synchronous
from orchestrator.store.tables import OldestCode

# Any number will do, as long as every process uses the same.
_LOCK = 0x0C4E57


def migrate(url: str) -> str:
    """Migrate the database at `url`, which may be empty, and return the revision it is at.

    Processes that start at once migrate one after the other. One that a later version has
    migrated is left as it is. Raises NewerDatabase where that is too late for this one,
    ConfigurationError where it cannot be opened.
    """
    parsed = parse(url)
    path = sqlite_path(parsed)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(synchronous(parsed), poolclass=sa.NullPool)
        with engine.begin() as connection:
            return _upgrade(connection)
    except (OSError, sa.exc.DatabaseError) as error:
        host = parsed.host or parsed.query.get("host", "localhost")
        place = path or f"{host}:{parsed.port or 5432}"
        reason = reason_of(error)
        raise ConfigurationError(
            f"The database at {place} cannot be opened ({reason}). "
            "Check DATABASE_URL and that the folder can be written to."
        ) from error


def _upgrade(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    config = _config()
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None or _knows(script, current):
        command.upgrade(config, "head")
        return script.get_current_head() or ""
    if _oldest_code(connection) > (script.get_current_head() or ""):
        raise NewerDatabase(
            "The database was migrated by a later version of this program, which this one cannot "
            "work beside. Start that version, or restore the backup made before the upgrade."
        )
    return current


def reason_of(error: Exception) -> str:
    """What the database said, in a line."""
    return str(getattr(error, "orig", None) or error).split("\n")[0]


@cache
def code_revision() -> str:
    """The last migration that this version of the program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    folder = resources.files("orchestrator.store").joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _oldest_code(connection: Connection) -> str:
    """The oldest code that may use the tables, by the last migration it knows."""
    return str(connection.execute(sa.select(OldestCode.__table__)).scalar_one())  # type: ignore[attr-defined]


def _knows(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except util.CommandError:
        return False
