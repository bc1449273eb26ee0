"""The message shortcut: somebody's message becomes a task."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot import threads
from bot.blocks import ids, modals
from bot.blocks import shortcut as blocks
from bot.bot import Bot, answering, problem_in, tell_directly
from bot.conversation import Reader, files_of
from bot.incoming import actor_of, team_of
from bot.listeners.commands import check_in
from bot.web_client import patience
from orchestrator.commands import Actor, Create
from orchestrator.errors import AlreadyTaken, InvalidInput, NotFound

_TITLE = "Orchestrate this"
# A dialog is answered within three seconds.
_PATIENCE_S = 1.0


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for the shortcut and its dialog."""

    @app.message_shortcut("orchestrate_this")
    async def chosen(
        ack: AsyncAck, shortcut: dict[str, Any], client: AsyncWebClient, context: AsyncBoltContext
    ) -> None:
        await ack()

        async def say(sentence: str) -> None:
            notice = modals.notice(_TITLE, sentence)
            await client.views_open(trigger_id=shortcut["trigger_id"], view=notice)

        async def say_directly(sentence: str) -> None:
            await tell_directly(client, shortcut["user"]["id"], sentence)

        reader = Reader(bot.names, team_of(context), context.bot_user_id)
        work = partial(_ask, reader, shortcut, client, context.bot_user_id)
        await answering(work, say, say_directly)

    @app.view(ids.ORCHESTRATE_VIEW)
    async def submitted(
        ack: AsyncAck,
        view: dict[str, Any],
        client: AsyncWebClient,
        context: AsyncBoltContext,
    ) -> None:
        actor = actor_of(context)
        reader = Reader(bot.names, actor.team_id, context.bot_user_id)
        problem = await problem_in(partial(_begin, bot, reader, actor, view, client))
        if problem is not None:
            await ack(**modals.refused(view, problem))
            return
        await ack()
        bot.publisher.wake()


async def _ask(
    reader: Reader, shortcut: dict[str, Any], client: AsyncWebClient, own_user: str | None
) -> None:
    """Show what will be the task. Raises Refused for a message that cannot be one."""
    message, channel = shortcut["message"], shortcut["channel"]["id"]
    if message.get("user") == own_user:
        raise InvalidInput("That message is my own: I only take what others say as a task.")
    task, _ = await reader.message(message)
    files = files_of(message)
    if not task and not files:
        raise InvalidInput("There is nothing in that message that I could read.")
    await check_in(client, channel)
    thread = message.get("thread_ts") or message["ts"]
    about = {"channel": channel, "ts": message["ts"], "thread": thread}
    form = blocks.form(task, len(files), about)
    await client.views_open(trigger_id=shortcut["trigger_id"], view=form)


async def _begin(
    bot: Bot, reader: Reader, actor: Actor, view: dict[str, Any], client: AsyncWebClient
) -> None:
    """Begin the run in the thread of the message. Raises Refused."""
    about = modals.about(view)
    channel, ts = about["channel"], about["ts"]
    with patience(_PATIENCE_S):
        message = await threads.message_at(client, channel, ts, about["thread"])
        if message is None:
            raise NotFound("That message is not there any more.")
        said, legend = await reader.message(message)
        thread = await threads.read(client, channel, about["thread"])
    context = await reader.context(thread, "", but=ts)
    create = Create(
        task=blocks.task(said, view["state"]["values"]),
        channel=channel,
        thread=about["thread"],
        context="\n".join(filter(None, (context, legend))),
        files=files_of(message),
    )
    # The same dialog is only sent once, whatever Slack makes of it.
    with suppress(AlreadyTaken):
        await bot.create(create, actor, claim=f"shortcut:{view['id']}")
