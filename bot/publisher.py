"""The publisher: makes threads show what the rows say, within what Slack allows.

It works in steps, each from fresh rows: what should be there, what is there, one call. A message
is intended in a row before it is posted, with the row's id in its metadata, so that after a
crash it is found in the thread and not posted a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot import elsewhere, intents, messages, posted, streaming
from bot.abilities import Abilities
from bot.blocks import fallback
from bot.blocks.fallback import Form
from bot.blocks.payload import Payload
from bot.elsewhere import Elsewhere
from bot.messages import Attachment, Wanted
from bot.pace import Pace
from bot.publishing import Publishing
from bot.refusals import Kind, asked_to_wait, code_of, in_short, kind_of
from bot.soon import soon
from bot.steps import Step, next_change, next_post
from bot.streaming import Streams
from bot.view import RunView, run_view
from orchestrator.store.database import Database
from orchestrator.store.tables import ArtifactContent, Message, MessageStatus, Run

log = structlog.get_logger(__name__)

Clients = Callable[[str], Awaitable[AsyncWebClient]]

_SWEEP_SECONDS = 1.0
_AT_ONCE = 8
_FIRST_REPLIES_S = 0.5
_POSTS_PER_MINUTE = 60.0
_POST_BURST = 4

# Refusals of one message after which the others of its thread no longer wait for it.
_PATIENCE = 3
# And after which people are told elsewhere, though it may pass: about a minute.
_MUCH_PATIENCE = 6
# Refusals after which a file is not tried again, but told of in the thread.
_NO_FILES = (Kind.TARGET, Kind.PLACE, Kind.FEATURE)
_MOST_DELAY_S = 60.0
_MOST_DELAY_AWAY_S = 900.0


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the queue for edits: a run has at most one, and an urgent one."""

    run_id: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class _Deferred:
    """A message that Slack refuses for now: how often it did, and when to try again.

    `is_told` says that its people are told elsewhere meanwhile.
    """

    times: int
    again_at: float
    is_told: bool


class _Elsewhere(Exception):
    """This process stood still so long that another publishes in its place."""


class Publisher:
    """Shows the threads of all runs. `start` it once in a process."""

    def __init__(
        self,
        database: Database,
        clients: Clients,
        updates_per_minute: float,
        abilities: Abilities,
        streams: Streams,
        publishing: Publishing,
    ) -> None:
        self._database = database
        self._publishing = publishing
        self._clients = clients
        self._abilities = abilities
        self._streams = streams
        self._elsewhere = Elsewhere(database)
        self._updates: defaultdict[str, Pace] = defaultdict(lambda: Pace(updates_per_minute))
        self._posts: defaultdict[str, Pace] = defaultdict(
            lambda: Pace(_POSTS_PER_MINUTE, _POST_BURST)
        )
        self._woken = asyncio.Event()
        self._showing: dict[str, asyncio.Task[None]] = {}
        self._announcing: set[asyncio.Task[None]] = set()
        self._queued: dict[_Place, asyncio.Task[None]] = {}
        self._queued_at: dict[str, int] = {}
        self._again: set[str] = set()
        self._urged: set[str] = set()
        self._is_ending = False
        self._retry_at: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._deferred: dict[str, dict[str, _Deferred]] = {}
        self._settled: dict[str, tuple[int, float]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to show whatever is behind."""
        self._loop = asyncio.create_task(self._show_forever())

    async def stop(self, grace_s: float = 5.0) -> None:
        """Finish the calls under way, then stop."""
        self._is_ending = True
        for pace in (*self._updates.values(), *self._posts.values()):
            pace.close()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        under_way = [*self._showing.values(), *self._queued.values()]
        if under_way:
            _, unfinished = await asyncio.wait(under_way, timeout=grace_s)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        await self._publishing.close()

    def announce(self, run_id: str) -> None:
        """Post the first message of a new run at once, ahead of everything: somebody waits."""
        if run_id not in self._showing:
            task = self._showing[run_id] = asyncio.create_task(self._show(run_id, is_new=True))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    async def first_replies(self) -> None:
        """Return when nobody waits for a first message any more, or half a second later."""
        if self._announcing:
            await asyncio.wait(self._announcing, timeout=_FIRST_REPLIES_S)

    def wake(self) -> None:
        """Something was committed: look for threads that are behind now, not at the next sweep."""
        self._woken.set()

    def urge(self, run_id: str) -> None:
        """Let the next edit for a run go before those of others: somebody acted and waits to see
        that it was taken."""
        self._urged.add(run_id)
        self.wake()

    async def deleted(self, team_id: str, channel: str, ts: str) -> None:
        """Somebody deleted a message: one of ours that people need comes anew."""
        known = await soon(partial(self._find_deleted, team_id, channel, ts))
        if not isinstance(known, Message):
            return
        async with self._database.read() as session:
            view = await run_view(session, known.run_id)
        if view is not None and not messages.is_passing(known.key):
            await self._lost(view, known)

    async def _find_deleted(
        self, team_id: str, channel: str, ts: str
    ) -> Message | Literal["not ours"] | None:
        """The row of that message; None while it may be one whose time is about to be noted."""
        of_channel = (
            select(Message)
            .join(Run, col(Run.id) == col(Message.run_id))
            .where(Run.team_id == team_id, Message.channel == channel)
        )
        async with self._database.read() as session:
            known = (await session.exec(of_channel.where(Message.ts == ts))).first()
            posting = of_channel.where(Message.status == MessageStatus.INTENT)
            if known is None and (await session.exec(posting)).first() is None:
                return "not ours"
            return known

    async def _lost(self, view: RunView, known: Message) -> None:
        # Of an answer that is still being written the whole is yet to come.
        is_needed = known.key in messages.waiting(view) or streaming.is_draft(known)
        work = partial(intents.lose, known=known, is_needed=is_needed)
        if await self._database.write(work) and is_needed:
            self.wake()

    async def _show_forever(self) -> None:
        while True:
            try:
                await self.first_replies()
                await self._show_what_is_behind()
            except Exception:
                log.exception("publisher_failed")
            # Not asyncio.wait_for: in Python 3.11 it loses a cancellation that comes with the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._woken.wait()
            self._woken.clear()

    async def _show_what_is_behind(self) -> None:
        async with self._database.read() as session:
            query = select(Run.id, Run.version, Run.team_id).where(
                col(Run.shown_version) < col(Run.version), col(Run.channel).is_not(None)
            )
            behind = (await session.exec(query)).all()
        ours = await self._publishing.begin({team_id for *_, team_id in behind})
        for run_id, version, team_id in behind:
            if team_id not in ours:
                continue
            if run_id in self._showing:
                self._again.add(run_id)
            elif self._queued_at.get(run_id) == version or self._is_settled(run_id, version):
                # Nothing is new since its edit was queued, or since only what waits was left.
                continue
            elif self._retry_at.get(run_id, 0) <= self._now():
                self._showing[run_id] = asyncio.create_task(self._show(run_id))

    async def _show(self, run_id: str, *, is_new: bool = False) -> None:
        try:
            version = await (self._begin(run_id) if is_new else self._show_all(run_id))
            if version is not None:
                await self._database.write(
                    partial(intents.mark_shown, run_id=run_id, version=version)
                )
                self._failures.pop(run_id, None)
                self._retry_at.pop(run_id, None)
                self._deferred.pop(run_id, None)
                self._settled.pop(run_id, None)
                self._urged.discard(run_id)
        except Exception as error:  # noqa: BLE001 - logged there, and tried again
            self._put_off(run_id, error)
        finally:
            del self._showing[run_id]
            if run_id in self._again:
                self._again.discard(run_id)
                self.wake()

    @staticmethod
    def _now() -> float:
        """Seconds, by the clock of the timers."""
        return asyncio.get_running_loop().time()

    def _put_off(self, run_id: str, error: Exception) -> None:
        """Try again later, less and less often: the workspace is away, or it is our mistake."""
        failures = self._failures[run_id] = self._failures.get(run_id, 0) + 1
        delay = asked_to_wait(error) or _delay(failures, error)
        self._retry_at[run_id] = self._now() + delay
        log.warning("thread_not_shown", run=run_id, again_in_s=delay, error=in_short(error))

    async def _begin(self, run_id: str) -> None:
        """Post the first message of a run, without looking at what is already there."""
        if not await self._publishing.begin_for(run_id):
            return
        begun = await self._database.write(partial(intents.intend_first, run_id=run_id))
        if begun is None:
            return
        view, step = begun
        pace = self._pace(view, step)
        if not pace.take():
            await pace.turn(urgent=True)
        await self._take(view, step)

    async def _show_all(self, run_id: str) -> int | None:
        """Take steps until the thread shows what it should.

        Returns the version it shows; None where an edit has to wait for its turn first.
        """
        turn: Pace | None = None
        while not self._is_ending:
            async with self._places:
                view, rows = await self._read(run_id)
                skip = self._skipped(run_id)
                step = next_post(view, rows, skip) or next_change(view, rows, skip)
                if step is None:
                    await self._tell_elsewhere(view, rows)
                if step is None and skip:
                    self._settle(run_id, view.version)
                    return None
                if step is None:
                    return view.version
                pace = self._pace(view, step)
                if pace is turn or pace.take():
                    turn = None
                    await self._take(view, step)
                    continue
            is_urgent = step.is_urgent or run_id in self._urged
            if step.is_change:
                # What is new in the thread must not wait behind it.
                self._queue(_Place(run_id, is_urgent), pace)
                self._queued_at[run_id] = view.version
                return None
            await pace.turn(urgent=is_urgent)
            turn = pace
        return None

    def _skipped(self, run_id: str) -> frozenset[str]:
        """Return the keys of messages that are tried again later."""
        deferred = self._deferred.get(run_id, {}).items()
        return frozenset(key for key, one in deferred if one.again_at > self._now())

    def _settle(self, run_id: str, version: int) -> None:
        """Nothing is left of this version but what is tried again later."""
        again_at = min(one.again_at for one in self._deferred[run_id].values())
        self._settled[run_id] = (version, again_at)

    async def _tell_elsewhere(self, view: RunView, rows: Mapping[str, Message]) -> None:
        """Tell people directly what they need and Slack does not take in the thread."""
        deferred = self._deferred.get(view.id, {})
        refused = {key for key, one in deferred.items() if one.is_told}
        refused |= {key for key, row in rows.items() if _lacks_buttons(row)}
        if view.thread is None and refused:
            refused |= messages.needed(view)
        if refused or elsewhere.is_told(rows):
            client = await self._clients(view.team_id)
            await self._elsewhere.keep(client, view, rows, refused)

    def _is_settled(self, run_id: str, version: int) -> bool:
        known, again_at = self._settled.get(run_id, (0, 0.0))
        return known == version and again_at > self._now()

    def _queue(self, place: _Place, pace: Pace) -> None:
        if place not in self._queued:
            self._queued[place] = asyncio.create_task(self._change_in_turn(place, pace))

    async def _change_in_turn(self, place: _Place, pace: Pace) -> None:
        """Make the edit that is due when the turn comes, whatever it is by then."""
        try:
            await pace.turn(urgent=place.is_urgent)
            async with self._places:
                view, rows = await self._read(place.run_id)
                step = next_change(view, rows, self._skipped(place.run_id))
                if step is None:
                    pace.give_back()
                else:
                    await self._take(view, step)
                    self._urged.discard(place.run_id)
        except Exception as error:  # noqa: BLE001 - logged there, and tried again
            self._put_off(place.run_id, error)
        finally:
            del self._queued[place]
            self._queued_at.pop(place.run_id, None)
            self.wake()

    def _pace(self, view: RunView, step: Step) -> Pace:
        """What limits this step: edits count for the workspace, posts for their channel."""
        return self._updates[view.team_id] if step.is_change else self._posts[view.channel or ""]

    async def _read(self, run_id: str) -> tuple[RunView, dict[str, Message]]:
        async with self._database.read() as session:
            view = await run_view(session, run_id)
            rows = await session.exec(select(Message).where(Message.run_id == run_id))
            assert view is not None
            known = {row.key: row for row in rows}
        if not streaming.may_be_written(view) and await self._streams.end(run_id):
            return await self._read(run_id)
        return view, known

    async def _take(self, view: RunView, step: Step) -> None:
        if not self._publishing.is_ours(view.team_id):
            raise _Elsewhere("another process publishes here now")
        client = await self._clients(view.team_id)
        try:
            if step.wanted is None:
                assert step.row is not None
                await self._delete(client, view, step.row)
            elif isinstance(step.wanted, Attachment):
                await self._upload(client, view, step.row, step.wanted)
            elif step.row is not None and step.row.status is MessageStatus.SHOWN:
                await self._edit(client, view, step.row, step.wanted)
            else:
                await self._post(client, view, step, step.wanted)
        except SlackApiError as error:
            await self._refused(client, view, step, error)
        else:
            self._deferred.get(view.id, {}).pop(step.key, None)

    # --- the calls --------------------------------------------------------------------------

    async def _post(
        self, client: AsyncWebClient, view: RunView, step: Step, wanted: Wanted
    ) -> None:
        """Post what is intended in a row, unless an earlier process did and died."""
        assert view.channel is not None
        intent = step.row or await self._intend(view, wanted.key)
        payload = self._payload(view, intent, wanted)
        found = await posted.find(client, intent, view) if step.row and not step.is_fresh else None
        if found is None:
            answer = await client.chat_postMessage(
                channel=view.channel,
                thread_ts=view.thread,
                text=payload.text,
                blocks=payload.blocks,
                metadata=posted.mark(intent),
                unfurl_links=False,
                unfurl_media=False,
            )
            ts = answer["ts"]
            shown = messages.digest(wanted.payload)
            await self._taken(view, wanted, payload)
        else:
            ts = found["ts"]
            shown = streaming.DRAFT if streaming.is_begun(found, view) else ""
        await self._note(intent, ts=ts, status=MessageStatus.SHOWN, payload_hash=shown)
        if wanted.key == "root":
            await self._database.write(partial(intents.set_thread, run_id=view.id, thread=ts))

    async def _edit(
        self, client: AsyncWebClient, view: RunView, known: Message, wanted: Wanted
    ) -> None:
        payload = self._payload(view, known, wanted)
        if streaming.is_draft(known):
            await streaming.close(client, known)
        await client.chat_update(
            channel=known.channel,
            ts=known.ts or "",
            text=payload.text,
            blocks=payload.blocks,
            metadata=posted.mark(known),
        )
        await self._taken(view, wanted, payload)
        await self._note(known, payload_hash=messages.digest(wanted.payload))

    async def _delete(self, client: AsyncWebClient, view: RunView, known: Message) -> None:
        found = {"ts": known.ts} if known.ts else await posted.find(client, known, view)
        if found is not None:
            if streaming.is_draft(known):
                await streaming.close(client, known)
            await client.chat_delete(channel=known.channel, ts=found["ts"])
        if messages.is_passing(known.key):
            await self._note(known, status=MessageStatus.GONE)
        else:
            await self._database.write(partial(streaming.forget, id_=known.id))

    async def _upload(
        self,
        client: AsyncWebClient,
        view: RunView,
        known: Message | None,
        wanted: Attachment,
    ) -> None:
        intent = known or await self._intend(view, wanted.key)
        if known is None or not await posted.has_file(client, intent, wanted):
            await client.files_upload_v2(
                channel=view.channel,
                thread_ts=view.thread,
                filename=wanted.name,
                title=wanted.title,
                content=wanted.content or await self._content(wanted),
            )
        await self._note(intent, status=MessageStatus.SHOWN, error=None)

    async def _content(self, wanted: Attachment) -> bytes:
        """What is in a file that a worker made."""
        async with self._database.read() as session:
            stored = await session.get(ArtifactContent, wanted.artifact_id or "")
        # Slack takes no file without content.
        return stored.content if stored and stored.content else b"\n"

    async def _taken(self, view: RunView, wanted: Wanted, payload: Payload) -> None:
        """Slack has shown the payload."""
        if payload is wanted.plainer:
            await self._abilities.plainer_was_taken(view.team_id)

    def _payload(self, view: RunView, known: Message, wanted: Wanted) -> Payload:
        if form := Form.of(known.error):
            return fallback.in_form(wanted.payload, view.requester, form)
        if wanted.plainer is not None and self._abilities.is_plain(view.team_id):
            return wanted.plainer
        return wanted.payload

    async def _intend(self, view: RunView, key: str) -> Message:
        return await self._database.write(partial(intents.intend, view=view, key=key))

    async def _note(self, known: Message, **values: Any) -> None:
        await self._database.write(partial(intents.save, id_=known.id, values=values))

    # --- when Slack says no -----------------------------------------------------------------

    async def _refused(
        self, client: AsyncWebClient, view: RunView, step: Step, error: SlackApiError
    ) -> None:
        """Slow down, go plainer, post anew or try again later: whatever fits the refusal."""
        match kind_of(error):
            case Kind.WAIT if not isinstance(step.wanted, Attachment):
                self._pace(view, step).pause(asked_to_wait(error) or 1.0)
                raise error
            case Kind.PAYLOAD:
                await self._go_plainer(view, step, code_of(error))
            case Kind.TARGET if step.is_change:
                await self._replace(client, view, step, code_of(error))
            case _ if isinstance(step.wanted, Attachment) and kind_of(error) in _NO_FILES:
                known = await self._row_of(view, step)
                await self._note(known, status=MessageStatus.REFUSED, error=code_of(error))
            case _:
                self._defer(view.id, step.key, error)
                await self._tell_of_file(view, step, error)

    def _defer(self, run_id: str, key: str, error: SlackApiError) -> None:
        """Try a message again later. Raises the error where the others are to wait for it."""
        deferred = self._deferred.setdefault(run_id, {})
        before = deferred.get(key)
        times = before.times + 1 if before else 1
        delay = asked_to_wait(error) or _delay(times, error)
        is_patient = times < _PATIENCE and kind_of(error) is not Kind.WAIT
        again_at = 0.0 if is_patient else self._now() + delay
        is_closed = kind_of(error) in (Kind.PLACE, Kind.ACCOUNT)
        is_told = times >= (_PATIENCE if is_closed else _MUCH_PATIENCE)
        deferred[key] = _Deferred(times, again_at, is_told)
        if is_patient:
            raise error
        log.warning("message_waits", run=run_id, key=key, error=in_short(error), again_in_s=delay)

    async def _tell_of_file(self, view: RunView, step: Step, error: SlackApiError) -> None:
        """Let the thread say that a file is missing, until Slack takes it after all."""
        if isinstance(step.wanted, Attachment) and self._deferred[view.id][step.key].is_told:
            known = await self._row_of(view, step)
            if known.error is None:
                await self._note(known, error=code_of(error))

    async def _go_plainer(self, view: RunView, step: Step, code: str) -> None:
        """Let a refused message have a form that uses less of Slack."""
        can_be_plainer = isinstance(step.wanted, Wanted) and step.wanted.plainer is not None
        if can_be_plainer and not self._abilities.is_plain(view.team_id):
            log.warning("workspace_refuses_plan_blocks", team=view.team_id, error=code)
            self._abilities.suspect(view.team_id)
            return
        log.warning("message_refused", run=view.id, key=step.key, error=code)
        if can_be_plainer:
            self._abilities.plainer_was_refused(view.team_id)
        known = await self._row_of(view, step)
        form = Form.of(known.error).next if isinstance(step.wanted, Wanted) else None
        if form is not None:
            await self._note(known, error=form.after(code))
        else:
            await self._note(known, status=MessageStatus.REFUSED, error=code)

    async def _replace(self, client: AsyncWebClient, view: RunView, step: Step, code: str) -> None:
        """Post anew what people need of a message that cannot be edited; what they do not need
        stays as it is until it has more to say."""
        known = await self._row_of(view, step)
        if code == "message_not_found":
            await self._lost(view, known)
        elif step.wanted is None:
            await self._note(known, status=MessageStatus.GONE, error=code)
        elif step.key in messages.needed(view):
            # Noted before it is done: the event of the deletion is not to be taken for a person's.
            work = partial(intents.lose, known=known, is_needed=True, error=code)
            await self._database.write(work)
            await self._try_to_delete(client, known)
        else:
            assert isinstance(step.wanted, Wanted)
            await self._note(known, payload_hash=messages.digest(step.wanted.payload))

    async def _try_to_delete(self, client: AsyncWebClient, known: Message) -> None:
        """Take away a message whose buttons would do nothing any more."""
        try:
            await client.chat_delete(channel=known.channel, ts=known.ts or "")
        except SlackApiError as error:
            log.info("message_not_deleted", error=in_short(error))

    async def _row_of(self, view: RunView, step: Step) -> Message:
        """The row of the message, which is committed before its call is made."""
        if step.row is not None:
            return step.row
        assert step.wanted is not None
        async with self._database.read() as session:
            query = select(Message).where(Message.run_id == view.id, Message.key == step.wanted.key)
            return (await session.exec(query)).one()


def _lacks_buttons(row: Message) -> bool:
    """Return whether a message was not taken at all, or only in words."""
    return row.status is MessageStatus.REFUSED or Form.of(row.error) is Form.WORDS


def _delay(times: int, error: Exception) -> float:
    """Return the seconds until the next try, after so many."""
    is_away = kind_of(error) in (Kind.PLACE, Kind.ACCOUNT, Kind.REVOKED)
    most = _MOST_DELAY_AWAY_S if is_away else _MOST_DELAY_S
    return min(most, 0.5 * 2.0 ** min(times, 20))
