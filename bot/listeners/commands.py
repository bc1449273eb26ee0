"""Slash commands on runs: /orchestrate begins one, /runs lists past ones."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot import history
from bot.blocks import history as history_blocks
from bot.blocks import ids, note
from bot.blocks.payload import Payload
from bot.bot import Bot, answering
from bot.conversation import Reader
from bot.incoming import actor_of
from bot.listeners.actions import Click
from bot.listeners.policies import open_form
from orchestrator.commands import Actor, Create, Retry, Stop
from orchestrator.errors import InvalidInput, NotAllowed, NotFound
from orchestrator.store.tables import Run

Command = dict[str, Any]


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for slash commands and for the pages they show."""

    @app.command("/orchestrate")
    async def orchestrate(ack: AsyncAck, command: Command, context: AsyncBoltContext) -> None:
        await ack()
        typed = Typed.of(command, context)
        reader = Reader(bot.names, typed.actor.team_id, context.bot_user_id)
        await answering(partial(_orchestrate, bot, reader, typed), typed.say)

    @app.command("/runs")
    async def runs(ack: AsyncAck, command: Command, context: AsyncBoltContext) -> None:
        await ack()
        typed = Typed.of(command, context)
        await answering(partial(_runs, bot, typed), typed.say)

    async def turned(
        ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext, respond: AsyncRespond
    ) -> None:
        await ack()
        click = Click.of(body, context)
        await answering(partial(_turn, bot, click, respond), click.say)

    for action_id in (ids.RUNS_PREVIOUS, ids.RUNS_NEXT):
        app.action(action_id)(turned)


# --- what commands share --------------------------------------------------------------------


async def check_in(client: AsyncWebClient, channel: str) -> None:
    """Raises NotAllowed where the bot cannot post: commands reach it from everywhere."""
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError:
        found = {}
    if not (found.get("is_im") or found.get("is_mpim") or found.get("is_member")):
        raise NotAllowed("I am not in this channel. Invite me to it first, then ask again.")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command that somebody typed: what came after its name, by whom and where."""

    actor: Actor
    channel: str
    text: str
    trigger_id: str
    client: AsyncWebClient
    respond: AsyncRespond

    @classmethod
    def of(cls, command: Command, context: AsyncBoltContext) -> Typed:
        """Read the payload of a slash command."""
        assert context.respond is not None
        return cls(
            actor=actor_of(context),
            channel=command["channel_id"],
            text=command.get("text") or "",
            trigger_id=command["trigger_id"],
            client=context.client,
            respond=context.respond,
        )

    @property
    def claim(self) -> str:
        """The key of this command, however often Slack sends it."""
        return f"command:{self.trigger_id}"

    async def show(self, payload: Payload) -> None:
        """Answer, to whoever typed it only."""
        await self.respond(text=payload.text, blocks=payload.blocks, response_type="ephemeral")

    async def say(self, sentence: str) -> None:
        """Answer with a sentence."""
        await self.show(note.said(sentence))


# --- /orchestrate ---------------------------------------------------------------------------


async def _orchestrate(bot: Bot, reader: Reader, typed: Typed) -> None:
    task, legend = await reader.task(typed.text)
    if not task or task.lower() == "help":
        await typed.show(note.usage())
        return
    if task.lower() == "policy":
        await open_form(bot, typed.actor, typed.channel, typed.trigger_id)
        return
    await check_in(typed.client, typed.channel)
    create = Create(task=task, channel=typed.channel, context=legend)
    await bot.create(create, typed.actor, claim=typed.claim)
    bot.publisher.wake()


# --- /runs ----------------------------------------------------------------------------------


async def _runs(bot: Bot, typed: Typed) -> None:
    query = typed.text.strip()
    verb, _, name = query.partition(" ")
    if verb.lower() == "help":
        await typed.show(history_blocks.usage())
    elif verb.lower() in _ABOUT_ONE:
        await typed.show(await _about_one(bot, verb.lower(), name, typed.actor))
    else:
        await typed.show(await history.page(bot, query, typed.actor))


_ABOUT_ONE = ("show", "stop", "retry")


async def _about_one(bot: Bot, verb: str, name: str, actor: Actor) -> Payload:
    run_id = await _named(bot, verb, name, actor)
    if verb == "stop":
        return note.said((await bot.act(Stop(run_id), actor)).sentence)
    if verb == "retry":
        return note.said((await bot.act(Retry(run_id, all=True), actor)).sentence)
    view = await bot.view(run_id, actor)
    return history_blocks.one(view)


async def _named(bot: Bot, verb: str, typed: str, actor: Actor) -> str:
    name = html.unescape(typed).strip().strip("`").upper()
    if not name:
        raise InvalidInput(f"Which run? Say its short name, for example /runs {verb} R-7F3K.")
    full = name if name.startswith("R-") else f"R-{name}"
    async with bot.orchestrator.database.read() as session:
        query = select(Run).where(Run.team_id == actor.team_id, col(Run.name) == full)
        run = (await session.exec(query)).first()
    # Whoever may not see it is not to know that it is there.
    if run is None or not await bot.access.may_see(run, actor):
        raise NotFound(f"There is no run named {full}.")
    return run.id


async def _turn(bot: Bot, click: Click, respond: AsyncRespond) -> None:
    """Another page in the place of the one that was shown."""
    place, query = ids.read_list(click.value)
    payload = await history.page(bot, query, click.actor, place)
    await respond(text=payload.text, blocks=payload.blocks, replace_original=True)
