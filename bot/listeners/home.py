"""The Home tab."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import ColumnElement
from sqlmodel import col, select

from bot.blocks import home
from bot.bot import Bot
from bot.view import run_rows
from orchestrator.commands import Actor
from orchestrator.store.tables import LIVE, Request, RequestStatus, Run, RunStatus

_SHOWN = 8


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listener for the Home tab."""

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], body: dict[str, Any], client: AsyncWebClient) -> None:
        if event.get("tab") == "home":
            await publish(bot, Actor(body["team_id"], event["user"]), client)


async def publish(bot: Bot, actor: Actor, client: AsyncWebClient) -> None:
    """Show this person what waits for them, what runs and what was."""
    mine = [col(Run.team_id) == actor.team_id, col(Run.requester) == actor.user_id]
    waits = col(Run.id).in_(select(Request.run_id).where(Request.status == RequestStatus.OPEN))
    is_live = col(Run.status).in_(LIVE - {RunStatus.PROPOSED})

    async def rows(*conditions: ColumnElement[bool]) -> list[Any]:
        async with bot.orchestrator.database.read() as session:
            return await run_rows(session, *mine, *conditions, limit=_SHOWN)

    blocks = home.home(
        waiting=await rows(waits),
        running=await rows(is_live, ~waits),
        recent=await rows(~col(Run.status).in_(LIVE)),
        offline=bot.settings.model == "offline",
    )
    await client.views_publish(user_id=actor.user_id, view={"type": "home", "blocks": blocks})
