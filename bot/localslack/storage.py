"""The workspace's own SQLite file. It survives restarts; one process uses it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

JsonObject = dict[str, Any]
Kind = Literal[
    "workspace",
    "organisation",
    "installation",
    "user",
    "channel",
    "usergroup",
    "file",
    "views",
    "home",
    "session",
]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    channel TEXT NOT NULL, ts TEXT NOT NULL, thread_ts TEXT, broadcast INTEGER NOT NULL,
    seen_by TEXT, body TEXT NOT NULL, PRIMARY KEY (channel, ts)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replies ON messages (channel, thread_ts, ts);
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY, created REAL NOT NULL, retries INTEGER NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
"""
_ALL = """SELECT channel, ts, body, thread_ts, broadcast, seen_by
FROM messages WHERE channel = ? ORDER BY ts"""
_ONE = _ALL.replace("ORDER", "AND ts = ? ORDER")
_REPLIES = _ALL.replace("ORDER", "AND thread_ts = ? AND ts != thread_ts ORDER")
_TOP_LEVEL = _ALL.replace(
    "ORDER", "AND (thread_ts IS NULL OR thread_ts = ts OR broadcast = 1) ORDER"
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message. `seen_by` is the only person who sees it, where it is ephemeral."""

    channel: str
    ts: str
    body: JsonObject
    thread_ts: str | None = None
    broadcast: bool = False
    seen_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event the bot has not acknowledged; `created` is in seconds since the epoch."""

    event_id: str
    created: float
    retries: int
    body: JsonObject


class Storage:
    """Documents by kind and id, messages by channel and time, events until acknowledged."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._db = sqlite3.connect(folder / "workspace.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get(self, kind: Kind, key: str) -> JsonObject | None:
        """One document."""
        row = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, key)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: Kind, key: str, body: JsonObject) -> None:
        """Store a document, in place of an earlier one with that key."""
        self._db.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, json.dumps(body))
        )

    def every(self, kind: Kind) -> list[JsonObject]:
        """All documents of a kind, by key."""
        rows = self._db.execute("SELECT body FROM documents WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(row[0]) for row in rows]

    def put_message(self, message: StoredMessage) -> None:
        """Store a message, in place of an earlier version of it."""
        self._db.execute(
            "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?)",
            (
                message.channel,
                message.ts,
                message.thread_ts,
                int(message.broadcast),
                message.seen_by,
                json.dumps(message.body),
            ),
        )

    def message(self, channel: str, ts: str) -> StoredMessage | None:
        """One message."""
        return next(self._messages(_ONE, channel, ts), None)

    def delete_message(self, channel: str, ts: str) -> None:
        """Forget a message."""
        self._db.execute("DELETE FROM messages WHERE channel = ? AND ts = ?", (channel, ts))

    def top_level(self, channel: str) -> list[StoredMessage]:
        """The messages shown in a channel itself, oldest first."""
        return list(self._messages(_TOP_LEVEL, channel))

    def replies(self, channel: str, thread_ts: str) -> list[StoredMessage]:
        """The replies of a thread without its parent, oldest first."""
        return list(self._messages(_REPLIES, channel, thread_ts))

    def all_messages(self, channel: str) -> list[StoredMessage]:
        """Everything in a channel, replies included, oldest first."""
        return list(self._messages(_ALL, channel))

    def latest_ts(self) -> str:
        """The time of the newest message, or an empty string."""
        row = self._db.execute("SELECT coalesce(max(ts), '') FROM messages").fetchone()
        return str(row[0])

    def put_event(self, event: StoredEvent) -> None:
        """Store an event, in place of its earlier state."""
        self._db.execute(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)",
            (event.event_id, event.created, event.retries, json.dumps(event.body)),
        )

    def delete_event(self, event_id: str) -> None:
        """An event is done with."""
        self._db.execute("DELETE FROM events WHERE event_id = ?", (event_id,))

    def events(self, since: float) -> list[StoredEvent]:
        """Unacknowledged events made after `since`, oldest first; older ones are forgotten."""
        self._db.execute("DELETE FROM events WHERE created < ?", (since,))
        rows = self._db.execute("SELECT event_id, created, retries, body FROM events ORDER BY 2")
        return [StoredEvent(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def _messages(self, query: str, *values: str) -> Iterator[StoredMessage]:
        for channel, ts, body, thread_ts, broadcast, seen_by in self._db.execute(
            query, values
        ).fetchall():
            yield StoredMessage(channel, ts, json.loads(body), thread_ts, bool(broadcast), seen_by)
