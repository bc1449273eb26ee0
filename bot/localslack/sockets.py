"""Socket Mode: the bot's connections, and the envelopes that go over them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.localslack.errors import PersonError
from bot.localslack.faults import Faults
from bot.localslack.feed import Feed
from bot.localslack.ids import Clock
from bot.localslack.recorder import Envelope, Recorder, next_number
from bot.localslack.seed import APP_ID
from bot.localslack.storage import JsonObject, Storage, StoredEvent

MOST_CONNECTIONS = 10
MOST_RETRIES = 3
TICKET_S = 30.0


class _NotConnected(Exception):
    """No bot is there."""


class _ConnectionLost(Exception):
    """The connection ended before the bot answered."""


@dataclass(eq=False, slots=True)
class _Connection:
    socket: WebSocket
    waiting: dict[str, asyncio.Future[JsonObject | None]] = field(default_factory=dict)

    def acknowledge(self, text: str) -> None:
        answer = json.loads(text)
        future = self.waiting.get(answer.get("envelope_id", ""))
        if future is not None and not future.done():
            future.set_result(answer.get("payload"))

    def lose(self) -> None:
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(_ConnectionLost())

    async def send(self, message: JsonObject) -> None:
        try:
            await self.socket.send_text(json.dumps(message))
        except (WebSocketDisconnect, RuntimeError) as error:
            raise _ConnectionLost from error


class Sockets:
    """The bot's connections.

    `ack_timeout_s` is how long an envelope may stay unanswered. Events are kept for
    `keep_events_s` while no bot is there to take them.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        recorder: Recorder,
        faults: Faults,
        feed: Feed,
        *,
        ack_timeout_s: float = 3.0,
        keep_events_s: float = 900.0,
    ):
        self._storage = storage
        self._clock = clock
        self._recorder = recorder
        self._faults = faults
        self._feed = feed
        self.ack_timeout_s = ack_timeout_s
        self.keep_events_s = keep_events_s
        self._connections: list[_Connection] = []
        self._tickets: dict[str, float] = {}
        self._delivering: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._arrived = asyncio.Event()

    @property
    def count(self) -> int:
        """How many connections there are; none where no bot is there."""
        return len(self._connections)

    async def wait_connected(self, timeout: float) -> None:
        """Return when a bot is connected; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._arrived.wait()

    def issue_ticket(self) -> str:
        """What opens one connection within half a minute."""
        now = self._clock()
        self._tickets = {key: until for key, until in self._tickets.items() if until > now}
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = now + TICKET_S
        return ticket

    async def serve(self, socket: WebSocket) -> None:
        """One connection, from its hello to its end."""
        until = self._tickets.pop(socket.query_params.get("ticket", ""), 0.0)
        if until < self._clock() or self._closing:
            await socket.close(1008)
            return
        await socket.accept()
        connection = _Connection(socket)
        with contextlib.suppress(_ConnectionLost, WebSocketDisconnect):
            if len(self._connections) >= MOST_CONNECTIONS:
                await connection.send({"type": "disconnect", "reason": "too_many_websockets"})
                return
            await self._greet(connection)
            await self._listen(connection)

    def publish(self, event_id: str, body: JsonObject) -> None:
        """Give the bot an event: now, or when it is back."""
        event = StoredEvent(event_id, self._clock(), 0, body)
        self._storage.put_event(event)
        self._begin(event)

    async def request(self, kind: str, payload: JsonObject) -> JsonObject | None:
        """Ask the bot and give back what it answered. Raises `PersonError`."""
        connection = self._pick()
        if connection is None:
            raise PersonError("bot_offline", "The app is not connected at the moment.", 503)
        try:
            return await self._exchange(connection, kind, payload)
        except TimeoutError as error:
            raise PersonError("bot_timeout", "The app did not answer in time.", 504) from error
        except _ConnectionLost as error:
            raise PersonError(
                "bot_offline", "The app went away before it answered.", 503
            ) from error

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask the bot to connect anew, as Slack does every few hours."""
        for connection in list(self._connections):
            with contextlib.suppress(_ConnectionLost):
                await connection.send({"type": "disconnect", "reason": reason})

    async def drop(self) -> None:
        """Break all connections."""
        for connection in list(self._connections):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await connection.socket.close(1011)
            self._forget(connection)

    async def close(self) -> None:
        """Let go of the bot and stop delivering; what it has not taken stays stored."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.drop()

    async def _greet(self, connection: _Connection) -> None:
        hello = {
            "type": "hello",
            "num_connections": len(self._connections) + 1,
            "connection_info": {"app_id": APP_ID},
            "debug_info": {"host": "127.0.0.1", "approximate_connection_time": 18060},
        }
        await connection.send(hello)
        self._connections.append(connection)
        self._arrived.set()
        self._feed.publish("bot", {"connected": True})
        for event in self._storage.events(self._clock() - self.keep_events_s):
            self._begin(event)

    async def _listen(self, connection: _Connection) -> None:
        try:
            async for text in connection.socket.iter_text():
                connection.acknowledge(text)
        finally:
            self._forget(connection)

    def _forget(self, connection: _Connection) -> None:
        """The connection is lost, whoever notices first."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        connection.lose()
        if not self._connections:
            self._arrived.clear()
            self._feed.publish("bot", {"connected": False})

    def _begin(self, event: StoredEvent) -> None:
        if self._closing or event.event_id in self._delivering:
            return
        self._delivering.add(event.event_id)
        self._spawn(self._deliver(event))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: StoredEvent) -> None:
        try:
            if self._faults.duplicate_events:
                self._spawn(self._deliver_again(event))
            while not await self._attempt(event):
                event = replace(event, retries=event.retries + 1)
                if event.retries > MOST_RETRIES:
                    self._storage.delete_event(event.event_id)
                    return
                self._storage.put_event(event)
        except _NotConnected:
            return  # It stays stored; the next connection takes it.
        except _ConnectionLost:
            self._storage.put_event(replace(event, retries=min(event.retries + 1, MOST_RETRIES)))
        finally:
            self._delivering.discard(event.event_id)
            self._resume(event)

    async def _deliver_again(self, event: StoredEvent) -> None:
        connection = self._pick()
        if connection is not None:
            with contextlib.suppress(_ConnectionLost, TimeoutError):
                await self._exchange(connection, "events_api", event.body)

    async def _attempt(self, event: StoredEvent) -> bool:
        connection = self._pick()
        if connection is None:
            raise _NotConnected
        try:
            await self._exchange(connection, "events_api", event.body, event.retries)
        except TimeoutError:
            return False
        self._storage.delete_event(event.event_id)
        return True

    def _resume(self, event: StoredEvent) -> None:
        """Another connection may have come while this one was lost."""
        if self._closing or not self._connections:
            return
        for stored in self._storage.events(self._clock() - self.keep_events_s):
            if stored.event_id == event.event_id:
                self._begin(stored)

    async def _exchange(
        self, connection: _Connection, kind: str, payload: JsonObject, retry: int = 0
    ) -> JsonObject | None:
        envelope_id = str(uuid.uuid4())
        answer: asyncio.Future[JsonObject | None] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = answer
        acked, result = False, None
        at, number = self._clock(), next_number()
        try:
            await self._faults.travel()
            await connection.send(_envelope(envelope_id, kind, payload, retry))
            async with asyncio.timeout(self.ack_timeout_s):
                result = await answer
            acked = True
            return result
        finally:
            connection.waiting.pop(envelope_id, None)
            self._recorder.add(
                Envelope(
                    envelope_id,
                    kind,
                    payload,
                    at,
                    acked=acked,
                    retry=retry,
                    answer=result,
                    number=number,
                )
            )

    def _pick(self) -> _Connection | None:
        if not self._connections:
            return None
        # Each envelope goes to one connection; they take turns.
        self._connections.append(self._connections.pop(0))
        return self._connections[-1]


def _envelope(envelope_id: str, kind: str, payload: JsonObject, retry: int) -> JsonObject:
    envelope = {
        "envelope_id": envelope_id,
        "type": kind,
        "accepts_response_payload": kind != "events_api",
        "payload": payload,
    }
    if kind == "events_api":
        envelope |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
    return envelope
