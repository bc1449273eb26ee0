"""Slash commands: /orchestrate begins a run, /runs lists past ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot import history
from bot.blocks import history as history_blocks
from bot.blocks import note
from bot.blocks.payload import Payload
from bot.bot import Bot, answering
from bot.listeners.events import task_of
from bot.view import run_rows
from orchestrator.commands import Actor, Create, Retry, Stop
from orchestrator.errors import NotAllowed, NotFound
from orchestrator.store.tables import Run

Command = dict[str, Any]


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for slash commands."""

    @app.command("/orchestrate")
    async def orchestrate(
        ack: AsyncAck, command: Command, client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        await ack()
        work = partial(_orchestrate, bot, command, client, respond)
        await answering(work, partial(_say, respond))

    @app.command("/runs")
    async def runs(ack: AsyncAck, command: Command, respond: AsyncRespond) -> None:
        await ack()
        work = partial(_runs, bot, command, respond)
        await answering(work, partial(_say, respond))


def _actor(command: Command) -> Actor:
    return Actor(command["team_id"], command["user_id"])


async def _orchestrate(
    bot: Bot, command: Command, client: AsyncWebClient, respond: AsyncRespond
) -> None:
    task = task_of(command.get("text", ""))
    if not task or task == "help":
        await _respond(respond, note.usage())
        return
    if not await _is_in(client, command["channel_id"]):
        raise NotAllowed("I am not in this channel. Invite me to it first, then ask again.")
    create = Create(
        task=task,
        channel=command["channel_id"],
        claim=f"command:{command['trigger_id']}",
    )
    await bot.orchestrator.do(create, _actor(command))
    bot.publisher.wake()


async def _runs(bot: Bot, command: Command, respond: AsyncRespond) -> None:
    query = command.get("text", "").strip()
    verb, _, name = query.partition(" ")
    if verb == "help":
        await _respond(respond, history_blocks.usage())
    elif verb in ("show", "stop", "retry") and name:
        await _respond(respond, await _about_one(bot, verb, name.strip(), _actor(command)))
    else:
        await _respond(respond, await page(bot, query, 0, _actor(command)))


async def _is_in(client: AsyncWebClient, channel: str) -> bool:
    """Whether the bot can post in the channel: commands reach it from everywhere."""
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError:
        return False
    return bool(found.get("is_im") or found.get("is_mpim") or found.get("is_member"))


async def _say(respond: AsyncRespond, sentence: str) -> None:
    await _respond(respond, note.said(sentence))


async def _respond(respond: AsyncRespond, payload: Payload) -> None:
    await respond(text=payload.text, blocks=payload.blocks, response_type="ephemeral")


async def page(bot: Bot, query: str, offset: int, actor: Actor) -> Payload:
    """A page of the runs that `query` asks for and this person may see."""
    conditions = history.conditions(query, actor, await bot.access.channels(actor))
    async with bot.orchestrator.database.read() as session:
        rows = await run_rows(session, *conditions, limit=history.PAGE + 1, offset=offset)
    return history_blocks.runs(
        rows[: history.PAGE],
        title=history.title(query),
        offset=offset,
        page_size=history.PAGE,
        has_more=len(rows) > history.PAGE,
        query=query,
    )


async def _about_one(bot: Bot, verb: str, name: str, actor: Actor) -> Payload:
    run_id = await _named(bot, name, actor)
    if verb == "stop":
        return note.said((await bot.act(Stop(run_id), actor)).sentence)
    if verb == "retry":
        return note.said((await bot.act(Retry(run_id, all=True), actor)).sentence)
    view = await bot.view(run_id, actor)
    return history_blocks.one(view)


async def _named(bot: Bot, name: str, actor: Actor) -> str:
    async with bot.orchestrator.database.read() as session:
        query = select(Run).where(
            Run.team_id == actor.team_id, col(Run.name) == name.strip("`").upper()
        )
        run = (await session.exec(query)).first()
    if run is None:
        raise NotFound(f"There is no run named {name}.")
    return (await bot.access.find(run.id, actor)).id
