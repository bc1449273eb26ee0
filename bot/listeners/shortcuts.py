"""The message shortcut: somebody's message becomes a task."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.bot import Bot, Place, answering, tell
from bot.listeners.events import task_of
from orchestrator.commands import Actor, Create


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for shortcuts."""

    @app.shortcut("orchestrate_this")
    async def orchestrate_this(
        ack: AsyncAck, shortcut: dict[str, Any], client: AsyncWebClient
    ) -> None:
        await ack()
        message, channel = shortcut["message"], shortcut["channel"]["id"]
        thread = message.get("thread_ts") or message["ts"]
        work = partial(_create, bot, shortcut, channel, thread)
        say = partial(tell, client, shortcut["user"]["id"], Place(channel, thread))
        await answering(work, say)


async def _create(bot: Bot, shortcut: dict[str, Any], channel: str, thread: str) -> None:
    create = Create(
        task=task_of(shortcut["message"].get("text", "")),
        channel=channel,
        thread=thread,
        claim=f"shortcut:{shortcut['trigger_id']}",
    )
    actor = Actor(shortcut["team"]["id"], shortcut["user"]["id"])
    await bot.orchestrator.do(create, actor)
    bot.publisher.wake()
