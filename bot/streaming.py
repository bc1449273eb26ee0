"""Answers that grow in the thread while they are written, where the workspace can show that.

A stream is only for reading along; what counts is the row of the answer. It is there before the
stream begins, and once the answer is committed the publisher edits this very message into it.
So whatever ends a stream early (its five minutes, its size, a crash), the answer is in the
thread once, and whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import aiohttp
import sqlalchemy as sa
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.engine import Connection

from bot import messages
from bot.abilities import Abilities
from bot.blocks import answer, markdown
from bot.pace import Pace
from bot.people import People
from bot.publishing import Publishing
from bot.refusals import Kind, code_of, kind_of, may_be_done
from bot.view import RunView
from orchestrator.store.database import Database
from orchestrator.store.tables import Message, MessageStatus, Run, RunStatus, new_row

log = structlog.get_logger(__name__)

Clients = Callable[[str], Awaitable[AsyncWebClient]]

# What stands in the place of a payload's digest while a message is being written.
DRAFT = "draft"

# An answer that is there so soon is posted as it is.
_PATIENCE_S = 1.0
# Slack begins 20 and continues 100 a minute, and ends a stream near 10,600 bytes.
_STARTS_PER_MINUTE = 15.0
_APPENDS_PER_MINUTE = 80.0
_MOST_BYTES = 10_000
# Longer than any attempt at an answer is silent.
_SILENT_S = 3600.0

# What an app is told that may not stream at all, beside what the workspace does not have.
_NOT_ALLOWED = frozenset({"missing_scope", "not_allowed_token_type"})

message: sa.Table = Message.__table__  # type: ignore[attr-defined]
run: sa.Table = Run.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an answer is to be written, for whom, and the row of its message.

    `ts` is the time of the message where an earlier attempt has begun it.
    """

    row_id: str
    ts: str | None
    run_name: str
    team_id: str
    requester: str
    channel: str
    thread: str


@dataclass(slots=True, eq=False)
class _Stream:
    """One attempt at an answer: what was written, and how much of it (made safe) is shown."""

    run_id: str
    attempt_id: str
    pieces: list[str] = field(default_factory=list)
    shown: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    heard_at: float = field(default_factory=monotonic)

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is shown any more, though more may be written."""
        return self.task is None or self.task.done()

    def more(self) -> str:
        """What can be added to what is shown; empty where there is nothing yet."""
        self.pieces = ["".join(self.pieces)]
        whole = markdown.safe(markdown.settled(self.pieces[0]))
        # What reads differently than it did a moment ago is put right by the answer itself.
        if not whole.startswith(self.shown) or len(whole.encode()) > _MOST_BYTES:
            return ""
        return whole[len(self.shown) :]

    async def is_over(self, within_s: float) -> bool:
        """Whether nothing more is to be shown; waits so long for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.over.wait()
        return self.over.is_set()


class Streams:
    """Shows answers while they are written, each by a task of its own, at most every `every_s`."""

    def __init__(
        self,
        database: Database,
        clients: Clients,
        people: People,
        abilities: Abilities,
        publishing: Publishing,
        every_s: float,
    ) -> None:
        self._database = database
        self._clients = clients
        self._people = people
        self._abilities = abilities
        self._publishing = publishing
        self._every_s = every_s
        self._starts: defaultdict[str, Pace] = defaultdict(lambda: Pace(_STARTS_PER_MINUTE))
        self._appends: defaultdict[str, Pace] = defaultdict(lambda: Pace(_APPENDS_PER_MINUTE, 10))
        self._streams: dict[str, _Stream] = {}

    def hear(self, run_id: str, attempt_id: str, piece: str) -> None:
        """The next piece of an answer; not committed yet."""
        stream = self._streams.get(run_id)
        if stream is None or stream.attempt_id != attempt_id:
            if stream is not None:
                stream.over.set()
            self._forget_silent()
            before = stream.task if stream is not None else None
            stream = self._streams[run_id] = _Stream(run_id, attempt_id)
            stream.task = asyncio.create_task(self._show(stream, before))
        if not stream.is_done:
            stream.pieces.append(piece)
        stream.heard_at = monotonic()

    def _forget_silent(self) -> None:
        """Let go of streams that nobody ended here: another process publishes those answers."""
        silent = [
            run_id
            for run_id, stream in self._streams.items()
            if monotonic() - stream.heard_at > _SILENT_S and stream.is_done
        ]
        for run_id in silent:
            del self._streams[run_id]

    async def end(self, run_id: str) -> bool:
        """Nothing more is written into the run's thread from here; whether anything could be."""
        stream = self._streams.get(run_id)
        if stream is None or stream.task is None:
            return False
        stream.over.set()
        await asyncio.wait({stream.task})
        if self._streams.get(run_id) is stream:
            del self._streams[run_id]
        return True

    async def stop(self) -> None:
        """Finish the calls under way."""
        await asyncio.gather(*(self.end(run_id) for run_id in list(self._streams)))

    async def _show(self, stream: _Stream, before: asyncio.Task[None] | None) -> None:
        """Show one attempt, after what was shown of the one before it."""
        try:
            if before is not None:
                await asyncio.wait({before})
            if not await stream.is_over(_PATIENCE_S):
                await self._write(stream)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.info("stream_ended", run=stream.run_id, error=str(error)[:200])
        except Exception:
            log.exception("stream_broke", run=stream.run_id)
        finally:
            stream.pieces.clear()

    async def _write(self, stream: _Stream) -> None:
        if not await self._publishing.begin_for(stream.run_id):
            return
        place = await self._intend(stream.run_id)
        if place is None:
            return
        client = await self._clients(place.team_id)
        ts = await self._begin(client, place, stream)
        while ts is not None and not await stream.is_over(self._every_s):
            if (more := stream.more()) and self._appends[place.team_id].take():
                await client.chat_appendStream(channel=place.channel, ts=ts, markdown_text=more)
                stream.shown += more

    async def _intend(self, run_id: str) -> _Place | None:
        work = partial(_intend, run_id=run_id, streamless=self._abilities.streamless)
        place = await self._database.write(work)
        if place is None or place.ts is not None or self._starts[place.team_id].take():
            return place
        await self._database.write(partial(forget, id_=place.row_id))
        return None

    async def _begin(self, client: AsyncWebClient, place: _Place, stream: _Stream) -> str | None:
        """The time of the message that was begun; None where the workspace does not take it."""
        first = stream.more()
        if place.ts is not None:
            again = answer.draft_again() + first
            await client.chat_appendStream(channel=place.channel, ts=place.ts, markdown_text=again)
            stream.shown = first
            return place.ts
        home = await self._home_of(place)
        try:
            begun = await client.chat_startStream(
                channel=place.channel,
                thread_ts=place.thread,
                recipient_team_id=home,
                recipient_user_id=place.requester,
                markdown_text=answer.draft_opening(place.requester, place.run_name) + first,
            )
        except SlackApiError as error:
            await self._refused(place, error)
            return None
        stream.shown = first
        ts = str(begun["ts"])
        values = {"ts": ts, "status": MessageStatus.SHOWN, "payload_hash": DRAFT}
        await self._database.write(partial(_save, id_=place.row_id, values=values))
        await self._abilities.note_streams(place.team_id, has=True)
        return ts

    async def _home_of(self, place: _Place) -> str:
        """Return the workspace of who reads along: of a partner, or in an organisation, it is
        another than the team of the run."""
        reader = await self._people.find(place.team_id, place.requester)
        return reader.home if reader and reader.home else place.team_id

    async def _refused(self, place: _Place, error: SlackApiError) -> None:
        """Nothing was posted, as far as is known: the answer is posted as if nothing had been."""
        code = code_of(error)
        log.info("stream_refused", team=place.team_id, error=code)
        if may_be_done(error):
            # It may be there all the same: the publisher looks for it.
            return
        await self._database.write(partial(forget, id_=place.row_id))
        if kind_of(error) is Kind.FEATURE or code in _NOT_ALLOWED:
            await self._abilities.note_streams(place.team_id, has=False)


# --- for the publisher ---------------------------------------------------------------------


def may_be_written(view: RunView) -> bool:
    """Whether an answer may be being written: a view lags behind a little."""
    if view.status is RunStatus.SYNTHESIZING:
        return not view.open_requests
    return view.status is RunStatus.RUNNING


def is_draft(row: Message | sa.Row[Any]) -> bool:
    """Whether the message holds what was written of an answer that was not finished then."""
    return row.payload_hash == DRAFT


def is_begun(posted: Mapping[str, Any], view: RunView) -> bool:
    """Whether a message in the run's thread is one that a stream has begun."""
    has_id = bool((posted.get("metadata") or {}).get("event_payload"))
    return not has_id and answer.draft_words(view.name) in posted.get("text", "")


async def close(client: AsyncWebClient, row: Message) -> None:
    """End the stream, so that the message can be edited like any other.

    Whether it was to be ended is seen when it is edited. Raises where Slack asks to wait.
    """
    try:
        await client.chat_stopStream(channel=row.channel, ts=row.ts or "")
    except SlackApiError as error:
        if kind_of(error) is Kind.WAIT:
            raise
        log.info("stream_not_stopped", error=code_of(error))


# --- changes -------------------------------------------------------------------------------


def forget(connection: Connection, id_: str) -> None:
    """There is no such message, and never was."""
    connection.execute(sa.delete(message).where(message.c.id == id_))


def _intend(connection: Connection, run_id: str, streamless: frozenset[str]) -> _Place | None:
    """The message of the answer that is being written, intended or begun by an earlier attempt;
    None where it is there."""
    writing = connection.execute(
        sa.select(run).where(
            run.c.id == run_id,
            run.c.status == RunStatus.SYNTHESIZING,
            run.c.channel.is_not(None),
            run.c.thread.is_not(None),
            run.c.team_id.not_in(streamless),
        )
    ).first()
    if writing is None:
        return None
    key = f"{messages.ANSWER}{writing.answer_revision + 1}"
    is_it = (message.c.run_id == run_id) & (message.c.key == key)
    known = connection.execute(sa.select(message).where(is_it)).first()
    if known is not None and not (known.ts and is_draft(known)):
        return None
    row_id = known.id if known is not None else _intended(connection, writing, key)
    return _Place(
        row_id=row_id,
        ts=known.ts if known is not None else None,
        run_name=writing.name,
        team_id=writing.team_id,
        requester=writing.requester,
        channel=writing.channel,
        thread=writing.thread,
    )


def _intended(connection: Connection, writing: sa.Row[Any], key: str) -> str:
    values = new_row(
        Message, run_id=writing.id, key=key, channel=writing.channel, thread=writing.thread
    )
    connection.execute(sa.insert(message), [values])
    return str(values["id"])


def _save(connection: Connection, id_: str, values: dict[str, Any]) -> None:
    connection.execute(sa.update(message).where(message.c.id == id_).values(values))
