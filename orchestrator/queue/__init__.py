"""Who does what next: in one process, or shared between many."""

from __future__ import annotations

from orchestrator.queue.base import Handler, Queue, Waker
from orchestrator.queue.local import LocalQueue
from orchestrator.settings import Settings
from orchestrator.store.database import Database


def queue_of(database: Database, advance: Handler, attempt: Handler, settings: Settings) -> Queue:
    """The queue that goes with the database: SQLite has one process, PostgreSQL any number."""
    if database.is_sqlite:
        return LocalQueue(advance, attempt, settings.concurrency)
    from orchestrator.queue.postgres import PostgresQueue

    return PostgresQueue(database, advance, attempt, settings.concurrency, settings.beat_s)


def waker_of(database: Database) -> Waker | None:
    """How a process that does no work tells those that do; on SQLite they look for themselves."""
    if database.is_sqlite:
        return None
    from orchestrator.queue.postgres import Sender

    return Sender(database)
