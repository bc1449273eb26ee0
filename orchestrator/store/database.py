"""The database: one way to write, one way to read, on SQLite and on PostgreSQL.

Writes are functions over a connection. Those asked for in one turn of the event loop share a
transaction on SQLite, where a commit is what costs; on PostgreSQL each has its own. Either way
a write returns only when it is durable, and one that fails does not disturb its neighbours.
What is read and written has no place in errors, which are logged: its parameters are hidden there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from orchestrator.errors import ConfigurationError

T = TypeVar("T")
Work = Callable[[Connection], T]

_BUSY_SECONDS = 10.0
_RETURNED_S, _LOOK_AGAIN_S = 5.0, 0.01
_POSTGRES_WRITERS = 8
# A process that stands still in the middle of a transaction holds others up for no longer.
LETS_GO = "-c idle_in_transaction_session_timeout=8000"
# Keepalives: a server that vanished without a word is noticed after some 15 seconds.
CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "options": LETS_GO,
}
# Checkpoints, which wait for the disk, after 16 MB instead of 4: busy pages are written once.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-8000",
    "wal_autocheckpoint=4000",
)


# What a write returned, or what it raised.
_Written = tuple[Any, BaseException | None]


@dataclass(slots=True)
class _Pending(Generic[T]):
    work: Work[T]
    done: asyncio.Future[T]


class Database:
    """An open database. Make it with `await Database.open(url)`, let it go with `close`."""

    def __init__(self, url: str) -> None:
        self.url = parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _writing_engine(self.url)
        self._reader = _reading_engine(self.url)
        threads = 1 if self.is_sqlite else _POSTGRES_WRITERS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._pending: list[_Pending[Any]] = []
        self._writing = 0
        self._idle = asyncio.Event()
        # Connections to read with that are being opened or closed.
        self._connecting: set[asyncio.Future[Any]] = set()
        self._scheduled = False
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction and return its result once that is committed.

        `work` runs in another thread, perhaps more than once, and must touch nothing but the
        connection. What it raises undoes it and is raised here. Being cancelled while waiting
        does not undo it.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        pending: _Pending[T] = _Pending(work, loop.create_future())
        self._pending.append(pending)
        self._idle.clear()
        self._schedule(loop)
        return await pending.done

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session to read with; what it holds stays usable afterwards."""
        connection = await self._connect()
        try:
            async with AsyncSession(connection, expire_on_commit=False) as session:
                yield session
        finally:
            await self._whole(connection.close())

    async def _connect(self) -> AsyncConnection:
        """A connection to read with. One that nobody waits for any more is closed."""
        connecting = asyncio.ensure_future(self._reader.connect().start())
        try:
            return await self._whole(connecting)
        except asyncio.CancelledError:
            if not connecting.cancelled() and connecting.exception() is None:
                await self._whole(connecting.result().close())
            raise

    async def _whole(self, work: Awaitable[T]) -> T:
        """Do it to the end: broken off in the middle, a connection would stay open."""
        task = asyncio.ensure_future(work)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            raise

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for libraries that bring tables of their own."""
        return self._reader

    async def close(self) -> None:
        """Finish what was asked for, then let go of every connection."""
        self._closed = True
        if self._pending or self._writing:
            await self._idle.wait()
        if self._connecting:
            await asyncio.wait(self._connecting)
        await self._all_returned()
        # Whoever comes later is refused: of a connection that it made nobody would close anything.
        sa.event.listen(self._reader.sync_engine, "do_connect", _refuse)
        await self._reader.dispose()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)
        self._threads.shutdown()

    async def _all_returned(self) -> None:
        """Wait a little for connections that libraries use: of what is still out when the pool is
        disposed of, nobody closes anything."""
        pool = self._reader.pool
        waiting = AsyncRetrying(
            retry=retry_if_result(lambda out: out > 0),
            wait=wait_fixed(_LOOK_AGAIN_S),
            stop=stop_after_delay(_RETURNED_S),
            retry_error_callback=lambda _: None,
        )

        async def out() -> int:
            return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0

        await waiting(out)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Hand what is pending to the writer; on SQLite only when it is free, so that
        what comes meanwhile goes together."""
        self._scheduled = False
        if not self._pending or (self.is_sqlite and self._writing):
            return
        batches = [self._pending] if self.is_sqlite else [[p] for p in self._pending]
        self._pending = []
        loop = asyncio.get_running_loop()
        for batch in batches:
            self._writing += 1
            self._threads.submit(self._write_batch, batch, loop)

    def _write_batch(self, batch: list[_Pending[Any]], loop: asyncio.AbstractEventLoop) -> None:
        """In the writer's thread: commit, and tell the loop once how all of it went."""
        written = self._commit(batch)
        loop.call_soon_threadsafe(self._settle, batch, written)

    def _commit(self, batch: list[_Pending[Any]]) -> list[_Written]:
        """All in one transaction, or one by one if any of them fails."""
        try:
            with self._engine.begin() as connection:
                results = [pending.work(connection) for pending in batch]
            return [(result, None) for result in results]
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            if len(batch) == 1:
                return [(None, error)]
            return [written for pending in batch for written in self._commit([pending])]

    def _settle(self, batch: list[_Pending[Any]], written: list[_Written]) -> None:
        self._writing -= 1
        for pending, (result, error) in zip(batch, written, strict=True):
            if pending.done.done():
                continue
            if error is None:
                pending.done.set_result(result)
            else:
                pending.done.set_exception(error)
        if self._pending:
            # After those who now go on have asked for their next writes.
            self._schedule(asyncio.get_running_loop())
        elif not self._writing:
            self._idle.set()


def parse(url: str) -> URL:
    """The parts of a database URL. Raises ConfigurationError for one that cannot be used."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(f"DATABASE_URL is not a database address: {error}") from error
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"DATABASE_URL names {backend}; use sqlite or postgresql.")
    return parsed


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite database; None for one in memory or on PostgreSQL."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def synchronous(url: URL) -> URL:
    """The same database through its driver without asyncio."""
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=drivers[url.get_backend_name()])


def was_lost(error: BaseException) -> bool:
    """Whether the database could not be reached, as against refusing what was asked."""
    is_broken = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_broken or isinstance(error, OperationalError | InterfaceError)


def conninfo(url: URL) -> str:
    """The same PostgreSQL for libraries that connect by themselves."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _writing_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # Connections that did not survive the server are found out before they are used.
        return sa.create_engine(
            synchronous(url),
            pool_size=_POSTGRES_WRITERS,
            pool_pre_ping=True,
            connect_args=CONNECT,
            hide_parameters=True,
        )
    engine = sa.create_engine(
        synchronous(url),
        hide_parameters=True,
        poolclass=sa.StaticPool,
        connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS},
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _reading_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args=CONNECT,
            hide_parameters=True,
        )
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,
    )
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ARG001 - a listener's form
    """WAL with NORMAL survives the death of the process at any moment without losing a commit."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _refuse(*_: object) -> None:
    raise RuntimeError("the database is closed")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
