"""The Home tab."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot import home
from bot.blocks import home as blocks
from bot.blocks import ids
from bot.bot import Bot
from bot.incoming import actor_of
from orchestrator.commands import Actor


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for the Home tab and for buttons that lead out of it."""

    @app.event("app_home_opened")
    async def opened(
        event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient
    ) -> None:
        if event.get("tab") == "home":
            await publish(bot, actor_of(context), client)

    @app.action(ids.OPEN_THREAD)
    async def left(ack: AsyncAck) -> None:
        # The address is opened by Slack itself.
        await ack()


async def publish(bot: Bot, actor: Actor, client: AsyncWebClient) -> None:
    """Show this person what waits for them, what runs and what was, as it is now."""
    view = {"type": "home", "blocks": blocks.home(await home.read(bot, actor))}
    await client.views_publish(user_id=actor.user_id, view=view)
