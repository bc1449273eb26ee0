"""The app is taken out of a workspace: what it did there ends."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext

from bot.bot import Bot
from bot.incoming import source_of


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for the end of an installation."""

    @app.event("app_uninstalled")
    async def uninstalled(body: dict[str, Any], context: AsyncBoltContext) -> None:
        await _removed(bot, body, context)

    @app.event("tokens_revoked")
    async def revoked(
        event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        # People's own tokens, which may be revoked alone, are not asked for.
        if event.get("tokens", {}).get("bot"):
            await _removed(bot, body, context)


async def _removed(bot: Bot, body: dict[str, Any], context: AsyncBoltContext) -> None:
    at = float(body.get("event_time") or 0)
    await bot.installations.removed(source_of(context), at)
