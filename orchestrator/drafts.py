"""Answers while they are written, read along in other processes than the one that writes them.

They go as notifications of PostgreSQL, which are not kept. Whoever comes late, or loses its
connection, hears no more of that answer until it is committed.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator.events import Bus
from orchestrator.store.database import CONNECT, Database, conninfo

log = structlog.get_logger(__name__)

_CHANNEL = "orchestrator_drafts"
_EVERY_S = 0.25
_LISTEN_AGAIN_S = 1.0
# A notification takes 8,000 bytes, of which an escaped character may be twelve.
_MOST_CHARACTERS = 600
_MOST_ANSWERS = 1_000


class Drafts:
    """Tells other processes what is written here, and `bus` what is written elsewhere."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._unsent: dict[tuple[str, str], str] = {}
        self._sent = _Lengths()
        self._heard = _Lengths()
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def tell(self, run_id: str, attempt_id: str, piece: str) -> None:
        """The next piece of an answer that is written here."""
        if attempt_id in self._heard:
            return
        key = (run_id, attempt_id)
        self._unsent[key] = self._unsent.get(key, "") + piece
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    def listen(self) -> None:
        """Hear from now on what others write."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Nobody hears anything from here any more."""
        tasks = [task for task in (self._sending, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        while self._unsent:
            await asyncio.sleep(_EVERY_S)
            unsent, self._unsent = self._unsent, {}
            notices = [notice for key, text in unsent.items() for notice in self._cut(*key, text)]
            try:
                await self._database.write(partial(_notify, notices=notices))
            except DBAPIError as error:
                # What comes later does not follow on what was heard, and is left out.
                log.info("draft_not_told", error=str(error.orig))

    def _cut(self, run_id: str, attempt_id: str, text: str) -> Iterator[str]:
        for start in range(0, len(text), _MOST_CHARACTERS):
            piece = text[start : start + _MOST_CHARACTERS]
            at = self._sent.add(attempt_id, piece)
            yield json.dumps({"run": run_id, "attempt": attempt_id, "at": at, "text": piece})

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    conninfo(self._database.url), autocommit=True, **CONNECT
                ) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    async for notice in connection.notifies():
                        self._hear(json.loads(notice.payload))
            except psycopg.Error as error:
                log.info("drafts_not_heard", error=str(error))
            await asyncio.sleep(_LISTEN_AGAIN_S)

    def _hear(self, said: dict[str, Any]) -> None:
        attempt_id = said["attempt"]
        if attempt_id in self._sent or said["at"] != self._heard.of(attempt_id):
            return
        self._heard.add(attempt_id, said["text"])
        self._bus.publish_text(said["run"], attempt_id, said["text"])


class _Lengths:
    """How much of each answer has gone by, in characters; of the latest ones."""

    def __init__(self) -> None:
        self._by_attempt: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, attempt_id: str) -> bool:
        return attempt_id in self._by_attempt

    def of(self, attempt_id: str) -> int:
        """Characters so far."""
        return self._by_attempt.get(attempt_id, 0)

    def add(self, attempt_id: str, piece: str) -> int:
        """A piece goes by; where in the answer it begins."""
        at = self._by_attempt.pop(attempt_id, 0)
        self._by_attempt[attempt_id] = at + len(piece)
        if len(self._by_attempt) > _MOST_ANSWERS:
            self._by_attempt.popitem(last=False)
        return at


def _notify(connection: Connection, notices: list[str]) -> None:
    for notice in notices:
        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, notice)))
