"""Mentions and direct messages: a new task, or a word about the run of this thread."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot.blocks import note
from bot.bot import Bot, Place, answering, tell
from orchestrator import control
from orchestrator.commands import Actor, Command, Create, Guide, Replan, Retry, Stop
from orchestrator.errors import Outdated
from orchestrator.store.tables import Run, RunStatus

Event = dict[str, Any]

_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_THREAD_MESSAGES = 50


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for messages that are meant for the bot."""

    @app.event("app_mention")
    async def mentioned(event: Event, body: dict[str, Any], client: AsyncWebClient) -> None:
        await _take(bot, event, body, client)

    @app.event("message")
    async def written(event: Event, body: dict[str, Any], client: AsyncWebClient) -> None:
        is_from_person = "bot_id" not in event and event.get("subtype") in (None, "file_share")
        if event.get("channel_type") == "im" and is_from_person:
            await _take(bot, event, body, client)


async def _take(bot: Bot, event: Event, body: dict[str, Any], client: AsyncWebClient) -> None:
    if "user" not in event or "bot_id" in event:
        return
    place = Place(event["channel"], event.get("thread_ts"))
    work = partial(_understand, bot, event, body, client)
    await answering(work, partial(tell, client, event["user"], place))


async def _understand(bot: Bot, event: Event, body: dict[str, Any], client: AsyncWebClient) -> None:
    actor = Actor(body["team_id"], event["user"])
    said = task_of(event.get("text", ""))
    thread = event.get("thread_ts")
    live = await _live_run(bot, actor.team_id, event["channel"], thread) if thread else None
    if live is None and said:
        await _create(bot, event, actor, said, client)
    elif not await _is_first(bot, event, actor):
        return
    elif live is not None:
        await _about(bot, live, said, event, actor, client)
    else:
        await _show_usage(event, client)


async def _is_first(bot: Bot, event: Event, actor: Actor) -> bool:
    """Whether this message has not been taken up before: Slack may tell of it twice."""
    work = partial(control.claim, team_id=actor.team_id, key=_key(event))
    try:
        await bot.orchestrator.database.write(work)
    except Outdated:
        return False
    return True


def _key(event: Event) -> str:
    # An edited mention comes as another event about the same message.
    return f"{event['channel']}:{event['ts']}"


def task_of(text: str) -> str:
    """What was written, without the mention of the bot and without Slack's escapes."""
    said = _MENTION.sub("", text, count=1)
    for entity, character in _ENTITIES:
        said = said.replace(entity, character)
    return said.strip()


async def _create(bot: Bot, event: Event, actor: Actor, task: str, client: AsyncWebClient) -> None:
    """Begin a run, once however often the event is delivered."""
    thread = event.get("thread_ts")
    context = await _thread_text(client, event["channel"], thread) if thread else ""
    command = Create(
        task=task,
        channel=event["channel"],
        thread=thread or event["ts"],
        context=context,
        claim=_key(event),
    )
    try:
        await bot.orchestrator.do(command, actor)
    except Outdated:
        return
    bot.publisher.wake()


async def _show_usage(event: Event, client: AsyncWebClient) -> None:
    usage = note.usage()
    await client.chat_postMessage(
        channel=event["channel"],
        thread_ts=event.get("thread_ts") or event["ts"],
        text=usage.text,
        blocks=usage.blocks,
    )


async def _about(
    bot: Bot, run: Run, said: str, event: Event, actor: Actor, client: AsyncWebClient
) -> None:
    """A word in the thread of a run that is not over."""
    place = Place(event["channel"], event["thread_ts"])
    word = said.lower().strip(" .!")
    known: dict[str, Command] = {"stop": Stop(run.id), "retry": Retry(run.id, all=True)}
    if word in known:
        done = await bot.act(known[word], actor)
        await tell(client, actor.user_id, place, done.sentence)
    elif run.status in (RunStatus.PROPOSED, RunStatus.RUNNING) and word not in ("", "status"):
        is_feedback = run.status is RunStatus.PROPOSED
        command = Replan(run.id, run.revision, said) if is_feedback else Guide(run.id, said)
        done = await bot.act(command, actor)
        await tell(client, actor.user_id, place, done.sentence)
    else:
        view = await bot.view(run.id, actor)
        await tell(client, actor.user_id, place, note.progress(view).text)


async def _live_run(bot: Bot, team_id: str, channel: str, thread: str) -> Run | None:
    async with bot.orchestrator.database.read() as session:
        runs = await session.exec(
            select(Run)
            .where(Run.team_id == team_id, Run.channel == channel, Run.thread == thread)
            .order_by(col(Run.id).desc())
            .limit(1)
        )
        run = runs.first()
    return run if run is not None and run.status.is_live else None


async def _thread_text(client: AsyncWebClient, channel: str, thread: str) -> str:
    """What was said in the thread so far, as context for the task."""
    page = await client.conversations_replies(channel=channel, ts=thread, limit=_THREAD_MESSAGES)
    lines = [f"{m.get('user', 'bot')}: {task_of(m.get('text', ''))}" for m in page["messages"]]
    return "\n".join(lines)
