"""The bot as its listeners use it: give a command for a person, tell them what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.access import Access, at_home
from bot.blocks import note, text
from bot.blocks.payload import Payload
from bot.connections import Respond
from bot.installations import Installations
from bot.logging import request_id
from bot.names import Names
from bot.people import People
from bot.publisher import Publisher
from bot.refusals import Kind, code_of, in_short, kind_of
from bot.settings import BotSettings
from bot.view import RunView, run_view
from orchestrator.commands import Actor, Command, Create, Done, Reject, Stop
from orchestrator.errors import NotFound, Outdated, Refused
from orchestrator.orchestrator import Orchestrator

log = structlog.get_logger(__name__)

_FINISH_S = 5.0
_OK = 200

T = TypeVar("T")
Say = Callable[[str], Awaitable[object]]
Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody did something, to answer only them there.

    `response_url` is for answers to what they did, for half an hour.
    """

    channel: str
    thread: str | None = None
    response_url: str | None = None


class Bot:
    """What all listeners share."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        publisher: Publisher,
        access: Access,
        people: People,
        settings: BotSettings,
        installations: Installations,
    ) -> None:
        self.orchestrator = orchestrator
        self.publisher = publisher
        self.access = access
        self.people = people
        self.settings = settings
        self.installations = installations
        self.names = Names(installations.client, people)
        # A picture takes a process of its own with much memory: one at a time.
        self.drawing = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def act(self, command: Command, actor: Actor, *, claim: str | None = None) -> Done:
        """Carry out a command on a run, if this person may. Raises Refused.

        `claim` is the key of the event it comes from, as for `Orchestrator.do`.
        """
        withdraws = isinstance(command, Stop | Reject)
        run = await self.access.check(await self._run_of(command), actor, withdraws=withdraws)
        done = await self.orchestrator.do(command, at_home(run, actor), claim=claim)
        self.publisher.urge(run.id)
        return done

    async def create(
        self, command: Create, actor: Actor, *, claim: str | None = None, wakes: bool = True
    ) -> Done:
        """Begin a run for a person who may start one there. Raises Refused."""
        await self.access.admission.check(actor, command.channel)
        return await self.orchestrator.do(command, actor, claim=claim, wakes=wakes)

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do `work` even if nobody waits for it any more."""
        task = asyncio.create_task(work)
        self.keep(task)
        return task

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to work that nobody waits for, so that it is finished before the end."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, within_s: float = _FINISH_S) -> None:
        """Let what people have asked for come to its end; what takes too long is broken off."""
        await self._finish_tasks(within_s)
        await self.names.close()

    async def _finish_tasks(self, within_s: float) -> None:
        if not self._tasks:
            return
        _, unfinished = await asyncio.wait(self._tasks, timeout=within_s)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def view(self, run_id: str, actor: Actor) -> RunView:
        """The view of a run, if this person may see it. Raises NotFound."""
        run = await self.access.find(run_id, actor)
        if run.requester != actor.user_id:
            await self.access.admission.check(at_home(run, actor), run.channel)
        async with self.orchestrator.database.read() as session:
            view = await run_view(session, run_id)
        if view is None:
            raise NotFound("That run no longer exists.")
        return view

    async def _run_of(self, command: Command) -> str:
        run_id = getattr(command, "run_id", None)
        if isinstance(run_id, str):
            return run_id
        request_id = getattr(command, "request_id", "")
        return await self.orchestrator.run_of_request(request_id)


async def tell(
    client: AsyncWebClient, user: str, place: Place, sentence: str, link: str | None = None
) -> None:
    """Say something to one person only, where they are looking; `link` leads to a thread.

    Where Slack does not show it there, it is an answer to what they did, else a direct message.
    """
    said = note.said(sentence, link)
    ways = [partial(_tell_in_place, client, user, place)]
    if place.response_url is not None:
        ways.append(partial(_tell_as_answer, client, place.response_url))
    ways.append(partial(_tell_directly, client, user))
    await _first_that_works(said, ways)


async def tell_directly(client: AsyncWebClient, user: str, sentence: str) -> None:
    """Say something to one person in a direct message. Raises what Slack says."""
    await _tell_directly(client, user, note.said(sentence))


async def _first_that_works(said: T, ways: Iterable[Callable[[T], Awaitable[object]]]) -> None:
    """Say it in the first of the ways that Slack takes."""
    for way in ways:
        try:
            await way(said)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("person_not_told", error=in_short(error))
        else:
            return


async def _tell_in_place(client: AsyncWebClient, user: str, place: Place, said: Payload) -> None:
    await client.chat_postEphemeral(
        channel=place.channel,
        thread_ts=place.thread,
        user=user,
        text=said.text,
        blocks=said.blocks,
    )


async def _tell_as_answer(client: AsyncWebClient, response_url: str, said: Payload) -> None:
    respond = Respond(response_url, client.session)
    answer = await respond(
        text=said.text, blocks=said.blocks, response_type="ephemeral", replace_original=False
    )
    if answer.status_code != _OK:
        raise SlackRequestError(answer.body)


async def _tell_directly(client: AsyncWebClient, user: str, said: Payload) -> None:
    await client.chat_postMessage(
        channel=user,
        text=said.text,
        blocks=said.blocks,
        unfurl_links=False,
        unfurl_media=False,
    )


async def fill(client: AsyncWebClient, view_id: str, view: dict[str, Any]) -> None:
    """Show `view` in an open dialog; that somebody closed it meanwhile is no error."""
    try:
        await client.views_update(view_id=view_id, view=view)
    except SlackApiError as error:
        if kind_of(error) is not Kind.TARGET:
            raise
        log.info("dialog_was_closed")


def sentence_of(error: Refused) -> str:
    """What the person reads; a name in it does not notify, as only they see it."""
    if isinstance(error, Outdated) and error.by:
        return f"{error} ({text.mention(error.by)})"
    return str(error)


async def answering(work: Work, *ways: Say) -> None:
    """Do `work`; whatever goes wrong is said to the person, in words and with an id for the log.

    It is said in the first of the `ways` that Slack takes.
    """
    if (problem := await problem_in(work)) is not None:
        await _first_that_works(problem, ways)


async def problem_in(work: Work) -> str | None:
    """Do `work`; what the person is told where it had no effect."""
    try:
        await work()
    except Refused as error:
        return sentence_of(error)
    except Exception as error:
        if kind_of(error) is Kind.CLICK:
            log.warning("click_came_too_late", error=code_of(error))
            return "That took too long for Slack. Please click again."
        is_away = isinstance(error, SlackClientError | aiohttp.ClientError)
        if is_away and kind_of(error) in (Kind.PASSING, Kind.WAIT):
            log.warning("slack_refused", error=in_short(error))
            return "Slack could not do that just now. Please try again."
        code = code_of(error)
        if code and kind_of(error) is not Kind.PAYLOAD:
            log.warning("slack_refused", error=code)
            return f"Slack does not let me do that here ({code})."
        log.exception("listener_broke", error=in_short(error))
        return note.broken(request_id())
    return None
