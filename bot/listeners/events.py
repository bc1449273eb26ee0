"""Mentions and direct messages: a new task, or a word about the run of this thread.

What a message asks for is committed before Slack is told that the event has arrived: whatever
was not, because the process died, Slack tells again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import aiohttp
import structlog
from slack_bolt import BoltResponse
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot import conversation, threads
from bot.blocks import note
from bot.bot import Bot, Place, answering, tell
from bot.conversation import (
    Reader,
    Said,
    concerns_us,
    files_of,
    mention_with_files,
    through_app,
)
from bot.downloads import attached_to
from bot.incoming import team_of
from orchestrator import control
from orchestrator.commands import Actor, Command, Create, Guide, Replan, Restate, Retry, Stop
from orchestrator.errors import AlreadyTaken, Outdated
from orchestrator.store.tables import Run, RunStatus

log = structlog.get_logger(__name__)

Event = dict[str, Any]
Next = Callable[[], Awaitable[object]]

# Slack waits three seconds and then tells again.
_ACKNOWLEDGED_S = 2.5

_WORDS = ("", "help", "retry", "status", "stop")
_NOT_STARTED = (RunStatus.PLANNING, RunStatus.PROPOSED)


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for messages that are meant for the bot."""
    for kind in ("app_mention", "message"):
        app.event(kind, middleware=[_taking(bot)])(_going_on(bot))


def _taking(bot: Bot) -> Callable[..., Awaitable[BoltResponse | None]]:
    """Bolt acknowledges an event once this has called the next in line."""

    async def take(
        body: dict[str, Any], client: AsyncWebClient, context: AsyncBoltContext, next_: Next
    ) -> BoltResponse | None:
        event = body["event"]
        if (message := mention_with_files(event, context.bot_user_id)) is not None:
            source = attached_to(event["channel"], message["ts"]).source
            attachments = bot.orchestrator.attachments
            await attachments.tell(team_of(context), source, files_of(message))
        if not concerns_us(event):
            await next_()
            return None
        listener = _Listener(bot, client, team_of(context), context.bot_user_id)
        taking = bot.begin(listener.take(event))
        await asyncio.wait({taking}, timeout=_ACKNOWLEDGED_S)
        if not taking.done():
            # By the time Slack tells again it is known whether it came to anything.
            return BoltResponse(status=503)
        context["begun"] = taking.result()
        await next_()
        return None

    return take


def _going_on(bot: Bot) -> Callable[..., Awaitable[None]]:
    """What can wait until the event has been acknowledged."""

    async def go_on(context: AsyncBoltContext) -> None:
        if begun := context.get("begun"):
            await bot.publisher.first_replies()
            bot.orchestrator.wake(begun)

    return go_on


@dataclass(slots=True)
class _Listener:
    """Takes one event. `own_user` is the bot itself, `begun` the run that came of it."""

    bot: Bot
    client: AsyncWebClient
    team_id: str
    own_user: str | None
    begun: str | None = None

    async def take(self, event: Event) -> str | None:
        """Commit what the event asks for; the id of the run that was begun, if one was."""
        if conversation.is_deletion(event):
            await self._deleted(event)
        elif event.get("subtype") == "message_changed":
            await self._edited(event)
        elif await self._is_by_person(event):
            said = await self._said(event)
            await self._answering(said, partial(self._understand, said))
        elif await self._is_by_admitted_bot(event):
            await _once(partial(self._create_for_bot, await self._said(event)))
        return self.begun

    async def _said(self, event: Event) -> Said:
        said = await self._reader.said(event["channel"], event)
        if event["type"] == "app_mention" and not said.files:
            return replace(said, files=(attached_to(said.channel, said.ts),))
        return said

    @property
    def _reader(self) -> Reader:
        return Reader(self.bot.names, self.team_id, self.own_user)

    async def _is_by_person(self, message: conversation.JsonObject) -> bool:
        """Whether a person said it, if only through an app: what bots say could go on for ever."""
        if "user" not in message or message["user"] == self.own_user:
            return False
        who = (self.team_id, message["user"])
        if through_app(message):
            return await self.bot.names.is_person(*who)
        # What a bot uploads comes as if a person had.
        return "files" not in message or not await self.bot.names.is_bot(*who)

    async def _is_by_admitted_bot(self, event: Event) -> bool:
        """Whether a bot mentions us that may start runs, and another one now."""
        bot_id = event.get("bot_id") or ""
        if event["type"] != "app_mention" or not bot_id or event.get("user") == self.own_user:
            return False
        actor = Actor(self.team_id, conversation.speaker_of(event))
        return await self.bot.access.admission.admits_bot(actor, bot_id, event["channel"])

    async def _answering(self, said: Said, work: Callable[[], Awaitable[None]]) -> None:
        await answering(partial(_once, work), partial(self._tell, said))

    async def _tell(self, said: Said, sentence: str) -> None:
        await tell(self.client, said.actor.user_id, said.place, sentence)

    # --- something was said ---------------------------------------------------------------

    async def _understand(self, said: Said) -> None:
        run = await self._latest_run(said) if said.thread else None
        word = said.word
        if run is not None and word != "help" and (word in _WORDS or run.status.is_live):
            await self._about(run, said, word)
        elif word == "" and (files := await self._files_with(said)):
            await self._ask_about(said, files)
        elif word in _WORDS:
            await self._show_usage(said)
        else:
            await self._create(said)

    async def _latest_run(self, said: Said) -> Run | None:
        async with self.bot.orchestrator.database.read() as session:
            return await conversation.latest_run(session, said)

    async def _create(self, said: Said) -> None:
        """Begin a run, which goes on once everybody has their first reply."""
        command = await self._task_of(said)
        done = await self.bot.create(command, said.actor, claim=said.key, wakes=False)
        self.begun = done.run_id

    async def _create_for_bot(self, said: Said) -> None:
        """Begin a run for a bot, which is not told of anything in words."""
        run = await self._latest_run(said) if said.thread else None
        if not said.text or (run is not None and run.status.is_live):
            return
        command, do = await self._task_of(said), self.bot.orchestrator.do
        self.begun = (await do(command, said.actor, claim=said.key, wakes=False)).run_id

    async def _task_of(self, said: Said) -> Create:
        command = Create(said.text, said.channel, said.root, context=said.legend, files=said.files)
        return await self._with_thread(said, command) if said.thread else command

    async def _with_thread(self, said: Said, command: Create) -> Create:
        """The command with what was said in the thread so far, the files that came with it, and
        the answer it got."""
        thread = await threads.read(self.client, said.channel, said.root)
        async with self.bot.orchestrator.database.read() as session:
            run = await conversation.latest_run(session, said)
            answer = await conversation.answer_of(session, run) if run else ""
        context = await self._reader.context(thread, answer, but=said.ts)
        found = self._reader.files(thread, first=said.ts)
        is_among = any(message.get("ts") == said.ts for message in thread.messages)
        return replace(
            command,
            context="\n".join(filter(None, (context, said.legend))),
            files=found if is_among else (*said.files, *found),
        )

    async def _files_with(self, said: Said) -> tuple[str, ...]:
        """The names of the files that came with a message; a mention may come without them."""
        if said.files and all(file.name for file in said.files):
            return tuple(file.name for file in said.files)
        try:
            message = await threads.message_at(self.client, said.channel, said.ts, said.root)
        except (TimeoutError, aiohttp.ClientError, SlackClientError):
            log.warning("message_not_looked_up", exc_info=True)
            return ()
        return tuple(file.name for file in conversation.files_of(message or {}))

    async def _ask_about(self, said: Said, files: tuple[str, ...]) -> None:
        """Ask what to do with files that came without words."""
        await self.bot.access.admission.check(said.actor, said.channel)
        await self._take(said)
        question = note.file_question(said.actor.user_id, files, is_direct=said.channel[:1] == "D")
        await self.client.chat_postMessage(
            channel=said.channel, thread_ts=said.root, text=question.text, blocks=question.blocks
        )

    async def _show_usage(self, said: Said) -> None:
        await self._take(said)
        usage = note.usage()
        await self.client.chat_postMessage(
            channel=said.channel, thread_ts=said.root, text=usage.text, blocks=usage.blocks
        )

    async def _take(self, said: Said) -> None:
        """Nothing but words come of this message, and only once. Raises AlreadyTaken."""
        work = partial(control.claim, team_id=self.team_id, key=said.key)
        await self.bot.orchestrator.database.write(work)

    async def _about(self, run: Run, said: Said, word: str) -> None:
        """A word in the thread of a run."""
        command = _command(run, said.text, word)
        if command is not None:
            done = await self.bot.act(command, said.actor, claim=said.key)
            await self._tell(said, done.sentence)
            return
        await self._take(said)
        view = await self.bot.view(run.id, said.actor)
        await self._tell(said, note.progress_of(view))

    # --- something that was said is said no more --------------------------------------------

    async def _edited(self, event: Event) -> None:
        """What has not started yet is planned anew, with the task as it reads now."""
        if not await self._is_by_person(event["previous_message"]):
            return
        before = await self._reader.said(event["channel"], event["previous_message"])
        run = await self._begun_by(before)
        if run is None:
            return
        now = await self._reader.said(event["channel"], event["message"])
        # What was only made a mention by the edit has been read as it is now.
        if now.text and not conversation.states(run, now):
            edit = event.get("event_ts") or now.ts
            await self._answering(now, partial(self._restate, run, now, edit))

    async def _restate(self, run: Run, said: Said, edit: str) -> None:
        if run.status not in _NOT_STARTED:
            raise Outdated(
                f"{run.name} goes on with the task as it read before. Tell me in its thread what "
                "should be different, or stop it and ask again."
            )
        done = await self.bot.act(
            Restate(run.id, said.text), said.actor, claim=f"{said.key}:{edit}"
        )
        await self._tell(said, done.sentence)

    async def _deleted(self, event: Event) -> None:
        """What has not started yet is not done; a message of ours that is needed comes anew."""
        gone = conversation.deleted(event)
        if "user" not in gone or not await self._is_by_person(gone):
            await self.bot.publisher.deleted(self.team_id, event["channel"], gone["ts"])
            return
        said = await self._reader.said(event["channel"], gone)
        run = await self._begun_by(said)
        if run is not None and run.status in _NOT_STARTED:
            await self._answering(said, partial(self._forget, run, said))

    async def _forget(self, run: Run, said: Said) -> None:
        await self.bot.act(Stop(run.id), said.actor, claim=f"{said.key}:deleted")
        await tell(
            self.client,
            said.actor.user_id,
            Place(said.channel),
            f"You deleted the task of {run.name}, so I stopped it. Nothing was run.",
        )

    async def _begun_by(self, said: Said) -> Run | None:
        run: Run | None = None
        async with self.bot.orchestrator.database.read() as session:
            run = await conversation.begun_by(session, said)
        return run if run is not None and run.status.is_live else None


async def _once(work: Callable[[], Awaitable[None]]) -> None:
    """Slack may tell of a message twice: what it asked for was done then."""
    try:
        await work()
    except AlreadyTaken:
        log.info("event_taken_before")


def _command(run: Run, said: str, word: str) -> Command | None:
    """What a word in the run's thread means; None where it asks how things stand."""
    if word == "stop":
        return Stop(run.id)
    if word == "retry":
        return Retry(run.id, all=True)
    if word in _WORDS:
        return None
    match run.status:
        case RunStatus.PLANNING:
            return Restate(run.id, f"{run.task}\n\n{said}")
        case RunStatus.PROPOSED:
            return Replan(run.id, run.revision, said)
        case RunStatus.RUNNING:
            return Guide(run.id, said)
    return None
