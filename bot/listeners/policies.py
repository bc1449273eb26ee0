"""What holds in a channel: `/orchestrate policy` opens a dialog, for admins."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks import modals, policy
from bot.bot import Bot, Place, fill, problem_in, tell
from bot.incoming import actor_of
from orchestrator.commands import Actor
from orchestrator.errors import InvalidInput
from orchestrator.store.tables import ChannelPolicy

_TITLE = "Policy of a channel"


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listener for the submitted dialog."""

    @app.view(policy.VIEW)
    async def submitted(
        ack: AsyncAck, context: AsyncBoltContext, view: dict[str, Any], client: AsyncWebClient
    ) -> None:
        actor = actor_of(context)
        if (problem := await problem_in(partial(_save, bot, actor, view))) is not None:
            await ack(**modals.refused(view, problem))
            return
        await ack()
        said = "From now on that holds for the runs in this channel."
        await tell(client, actor.user_id, Place(_channel_of(view)), said)


async def open_form(bot: Bot, actor: Actor, channel: str, trigger_id: str) -> None:
    """Show an admin what holds in the channel, to change it. Raises Refused."""
    if channel.startswith("D"):
        raise InvalidInput("That is for channels: type it in the one it is about.")
    await bot.access.check_admin(actor)
    client = await bot.installations.client(actor.team_id)
    # The command is only good for three seconds.
    opened = await client.views_open(trigger_id=trigger_id, view=modals.loading(_TITLE))
    known = await bot.access.policy(actor.team_id, channel) or _unset(bot, actor.team_id, channel)
    if known.starters is None:
        known.starters = list(bot.access.default_starters.words)
    form = policy.form(known, await bot.access.groups(actor.team_id, actor.user_id))
    await fill(client, opened["view"]["id"], form)


def _unset(bot: Bot, team_id: str, channel: str) -> ChannelPolicy:
    """What holds in a channel for which nothing was set."""
    return ChannelPolicy(
        team_id=team_id,
        channel=channel,
        auto_usd=bot.settings.auto_approve_usd,
        auto_subtasks=bot.settings.auto_approve_subtasks,
    )


async def _save(bot: Bot, actor: Actor, view: dict[str, Any]) -> None:
    await bot.access.check_admin(actor)
    await bot.orchestrator.do(policy.read(_channel_of(view), view["state"]["values"]), actor)


def _channel_of(view: dict[str, Any]) -> str:
    channel: str = modals.about(view)["channel"]
    return channel
