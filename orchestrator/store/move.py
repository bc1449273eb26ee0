"""A SQLite installation moves to PostgreSQL, with its whole history.

Rows go in batches in the order of their keys, each batch in one transaction with the mark of how
far it went: broken off anywhere, a move goes on from there. At the end both sides are read again
and compared; only then the marks go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlmodel import select

from orchestrator.errors import ConfigurationError
from orchestrator.store import tables
from orchestrator.store.database import Database, parse, sqlite_path, synchronous
from orchestrator.store.lock import lock
from orchestrator.store.migrate import migrate
from orchestrator.store.tables import Moved

# What is going on, how many rows of it are done, and of how many.
Progress = Callable[[str, int, int], None]

moved: sa.Table = Moved.__table__  # type: ignore[attr-defined]

_ROWS_AT_ONCE = 200
# Rows that hold whole files.
_FILES_AT_ONCE = 4
# Made anew by triggers and processes in the target, or not about runs.
_STAY = frozenset({"run_text", "process", "lease", "model_limits", "oldest_code", "moved"})
# The mark that says which file a target is filled from.
_SOURCE = "source"
_CHECKSUMS = 2**256

Row = dict[str, Any]
Key = Sequence[Any]


def _silent(doing: str, done: int, total: int) -> None:
    """Show nothing."""


def move(
    source: str, target: str, others: Sequence[sa.MetaData] = (), progress: Progress = _silent
) -> int:
    """Copy the SQLite database at `source` to the PostgreSQL database at `target`, and check it.

    `others` are tables besides our own that belong to an installation. What an earlier move has
    brought over stays. Returns how many rows there are. Raises ConfigurationError where the move
    cannot begin, go on, or was not exact; AlreadyRunning while a process works on the source.
    """
    file = _file_of(source)
    place = _place_of(target)
    taken = lock(source)
    try:
        migrate(source)
        with _explained(place), _connected(source) as old, _connected(target) as new:
            old.exec_driver_sql("BEGIN IMMEDIATE")  # nobody changes it meanwhile
            moving = _Move(old, new, file, others, progress)
            moving.prepare(place)
            migrate(target)
            return moving.run(place)
    finally:
        if taken is not None:
            taken.release()


async def refuse_half_moved(database: Database) -> None:
    """Raises ConfigurationError for a database that a move has not filled yet."""
    async with database.read() as session:
        if (await session.exec(select(Moved.name).limit(1))).first() is not None:
            raise ConfigurationError(
                "The move of a SQLite installation into this database has not come to its end. "
                "Start `python -m bot move` again; it goes on where it was."
            )


class _Move:
    """One way from an open source to an open target."""

    def __init__(
        self,
        old: Connection,
        new: Connection,
        file: Path,
        others: Sequence[sa.MetaData],
        progress: Progress,
    ) -> None:
        self._old = old
        self._new = new
        self._file = file
        self._others = others
        self._progress = progress
        self._total = 0
        self._done = 0

    def prepare(self, place: str) -> None:
        """Raises ConfigurationError where the target holds anything that is not of this move."""
        with self._new.begin():
            there = set(sa.inspect(self._new).get_table_names())
            ours = {table.name: table for table in self._everything()}
            strange = {name for name in there - set(ours) if not _comes_with_ours(name)}
            marks = self._marks() if moved.name in there else {}
            if marks and marks[_SOURCE][0] != [str(self._file)]:
                raise ConfigurationError(
                    f"The database at {place} is being filled from another file. "
                    "Give an empty database."
                )
            held = [] if marks else [n for n in there & set(ours) if self._has_rows(ours[n])]
        if strange or held:
            found = sorted(strange or held)[0]
            raise ConfigurationError(
                f"The database at {place} has other things in it (“{found}”). "
                "Give an empty database."
            )

    def run(self, place: str) -> int:
        """Copy, check, and take the marks away; how many rows there are."""
        here = set(sa.inspect(self._old).get_table_names())
        wanted = [t for t in self._everything() if t.name in here and t.name not in _STAY]
        counts = {table.name: _count(self._old, table) for table in wanted}
        self._total = sum(counts.values())
        with self._new.begin():
            for other in self._others:
                other.create_all(self._new, [t for t in other.sorted_tables if t.name in here])
            self._mark(_SOURCE, [str(self._file)], 0)
        for table in wanted:
            self._copy(table)
        self._done = 0
        for table in wanted:
            self._check(table, place)
        self._finish(wanted)
        return self._total

    def _everything(self) -> list[sa.Table]:
        """All tables, those that are referred to before those that refer to them."""
        others = [table for other in self._others for table in other.sorted_tables]
        return [*tables.metadata.sorted_tables, *others]

    def _has_rows(self, table: sa.Table) -> bool:
        if table.name in ("oldest_code", "moved"):
            return False
        return self._new.execute(sa.select(sa.literal(1)).select_from(table)).first() is not None

    # --- copying --------------------------------------------------------------------------

    def _copy(self, table: sa.Table) -> None:
        with self._new.begin():
            after, count = self._marks().get(table.name, (None, 0))
        self._show("Moving", count)
        insert = _insert(table)
        for rows in _batches(self._old, table, after):
            count += len(rows)
            with self._new.begin():
                self._new.execute(insert, rows)
                self._mark(table.name, _key(table, rows[-1]), count)
            self._show("Moving", len(rows))

    def _marks(self) -> dict[str, tuple[Key, int]]:
        """How far each table is: up to which key, and how many rows. For the source, its file."""
        return {mark.name: (mark.after, mark.rows) for mark in self._new.execute(sa.select(moved))}

    def _mark(self, name: str, after: Key, rows: int) -> None:
        values = {"after": list(after), "rows": rows}
        insert = postgresql.insert(moved).values(name=name, **values)
        self._new.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))

    def _show(self, doing: str, rows: int) -> None:
        self._done += rows
        self._progress(doing, min(self._done, self._total), self._total)

    # --- checking -------------------------------------------------------------------------

    def _check(self, table: sa.Table, place: str) -> None:
        was = self._sum(self._old, table)
        with self._new.begin():
            is_ = self._sum(self._new, table)
        if was != is_:
            raise ConfigurationError(
                f"The rows of “{table.name}” at {place} ({is_[0]}) are not those of "
                f"{self._file} ({was[0]}): one was changed since the move began. "
                "Empty that database and move again."
            )
        self._show("Checking", was[0])

    def _sum(self, connection: Connection, table: sa.Table) -> tuple[int, int]:
        """How many rows there are, and a sum over them that is the same in whatever order."""
        count = total = 0
        for rows in _batches(connection, table, None):
            count += len(rows)
            total += sum(map(_digest, rows))
        return count, total % _CHECKSUMS

    def _finish(self, wanted: list[sa.Table]) -> None:
        with self._new.begin():
            for table in wanted:
                self._continue_numbers(table)
            self._new.execute(sa.delete(moved))

    def _continue_numbers(self, table: sa.Table) -> None:
        """New rows get numbers after those that were moved."""
        column = table.autoincrement_column
        if column is None:
            return
        last = sa.select(sa.func.max(column)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        following = sa.func.coalesce(last, 0) + 1
        self._new.execute(sa.select(sa.func.setval(sequence, following, False)))  # noqa: FBT003 - PostgreSQL's function


def _file_of(source: str) -> Path:
    path = sqlite_path(parse(source))
    if path is None:
        raise ConfigurationError("DATABASE_URL is no SQLite file; only such a one can be moved.")
    if not path.is_file():
        raise ConfigurationError(f"There is no SQLite database at {path}. Check DATABASE_URL.")
    return path.resolve()


def _place_of(target: str) -> str:
    url = parse(target)
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError("--to has to be a PostgreSQL database: postgresql+psycopg://…")
    return f"{url.host or 'localhost'}:{url.port or 5432}"


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = sa.create_engine(synchronous(parse(url)), poolclass=sa.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        yield connection


@contextmanager
def _explained(place: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).strip().split("\n")[0]
        raise ConfigurationError(
            f"The move to {place} was broken off ({reason}). What has arrived stays there; "
            "start it again and it goes on."
        ) from error


def _comes_with_ours(name: str) -> bool:
    return name == "alembic_version" or name.startswith("procrastinate_")


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _batches(connection: Connection, table: sa.Table, after: Key | None) -> Iterator[list[Row]]:
    """The rows with keys greater than `after`, in the order the database gives keys, as
    PostgreSQL takes them. JSON is its text: what was written is what is moved.
    """
    keys = list(table.primary_key)
    documents = frozenset(c.name for c in table.c if isinstance(c.type, sa.JSON))
    query = sa.select(*map(_as_stored, table.c)).order_by(*keys).limit(_at_once(table))
    while True:
        page = query if after is None else query.where(_is_after(keys, after))
        rows = [dict(row) for row in connection.execute(page).mappings()]
        if not rows:
            return
        yield [_portable(row, documents) for row in rows]
        after = _key(table, rows[-1])


def _at_once(table: sa.Table) -> int:
    holds_files = any(isinstance(column.type, sa.LargeBinary) for column in table.c)
    return _FILES_AT_ONCE if holds_files else _ROWS_AT_ONCE


def _as_stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    is_json = isinstance(column.type, sa.JSON)
    return sa.cast(column, sa.Text).label(column.name) if is_json else column


def _is_after(keys: list[sa.Column[Any]], after: Key) -> sa.ColumnElement[bool]:
    values = [sa.literal(value, key.type) for key, value in zip(keys, after, strict=True)]
    return sa.tuple_(*keys) > sa.tuple_(*values)


def _key(table: sa.Table, row: Row) -> list[Any]:
    return [row[column.name] for column in table.primary_key]


def _insert(table: sa.Table) -> sa.Insert:
    values = {
        column.name: sa.cast(sa.bindparam(column.name, type_=sa.Text), sa.JSON)
        for column in table.c
        if isinstance(column.type, sa.JSON)
    }
    return sa.insert(table).values(values) if values else sa.insert(table)


def _portable(row: Row, documents: frozenset[str]) -> Row:
    return {
        name: _portable_text(value, is_json=name in documents) if isinstance(value, str) else value
        for name, value in row.items()
    }


def _portable_text(value: str, *, is_json: bool) -> str:
    """PostgreSQL has no NUL in text, and in JSON no number that is none."""
    if is_json and ("NaN" in value or "Infinity" in value):
        return json.dumps(json.loads(value, parse_constant=_nothing))
    return value.replace("\0", "")


def _nothing(_: str) -> None:
    """In place of what JSON does not know."""


def _digest(row: Row) -> int:
    said = repr([_canonical(value) for value in row.values()])
    return int.from_bytes(hashlib.sha256(said.encode()).digest())


def _canonical(value: Any) -> str | int | float | None:
    """The value as both databases give it."""
    match value:
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case Decimal():
            return str(value.normalize())
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case None | str() | int() | float():
            return value
    raise TypeError(f"no checksum over {type(value).__name__}")
