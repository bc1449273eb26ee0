"""/schedules: tasks that begin by themselves again and again, and the buttons in their list."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond
from sqlmodel import select

from bot import schedules
from bot.blocks import ids, text
from bot.blocks import schedules as blocks
from bot.blocks.payload import Payload
from bot.bot import Bot, answering
from bot.conversation import Reader
from bot.listeners import home
from bot.listeners.actions import Click
from bot.listeners.commands import Command, Typed, check_in
from bot.markup import unescape
from orchestrator.commands import (
    Actor,
    AddSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
)
from orchestrator.errors import InvalidInput, NotAllowed, NotFound
from orchestrator.schedules import EXAMPLE
from orchestrator.store.clock import now
from orchestrator.store.tables import Schedule, new_id

Change = Callable[[str], PauseSchedule | ResumeSchedule | RemoveSchedule]

# Phones make quotation marks of all kinds.
_QUOTED = re.compile(r'["“”„«]\s*([^"“”„»]+?)\s*["“”„»]\s*(.*)', re.DOTALL)
_MACRO = re.compile(r"(@[a-z]+)\s+(.*)", re.DOTALL | re.IGNORECASE)
_BARE = re.compile(r"((?:[0-9*]\S*\s+){2}(?:[0-9*a-zA-Z]\S*\s+){3})(.*)", re.DOTALL)

_CHANGES: dict[str, Change] = {
    "pause": PauseSchedule,
    "resume": ResumeSchedule,
    "remove": RemoveSchedule,
}
_BUTTONS: dict[str, Change] = {
    ids.PAUSE_SCHEDULE: PauseSchedule,
    ids.RESUME_SCHEDULE: ResumeSchedule,
    ids.REMOVE_SCHEDULE: RemoveSchedule,
}


def register(app: AsyncApp, bot: Bot) -> None:
    """Register the listeners for the command and its buttons."""

    @app.command("/schedules")
    async def schedules_(ack: AsyncAck, command: Command, context: AsyncBoltContext) -> None:
        await ack()
        typed = Typed.of(command, context)
        await answering(partial(_typed, bot, typed), typed.say)

    for action_id, change in _BUTTONS.items():
        app.action(action_id)(_button(bot, change))


def _button(bot: Bot, change: Change) -> Callable[..., Awaitable[None]]:
    async def clicked(
        ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext, respond: AsyncRespond
    ) -> None:
        await ack()
        click = Click.of(body, context)
        await answering(partial(_click, bot, click, change, respond), click.say)

    return clicked


async def _click(bot: Bot, click: Click, change: Change, respond: AsyncRespond) -> None:
    try:
        await _change(bot, click.value, change, click.actor)
    finally:
        # Whoever clicked looks at what was so before.
        if click.view is not None:
            await home.publish(bot, click.actor, click.client)
        else:
            payload = await _list(bot, click.actor)
            await respond(text=payload.text, blocks=payload.blocks, replace_original=True)


async def _typed(bot: Bot, typed: Typed) -> None:
    verb, _, rest = typed.text.strip().partition(" ")
    match verb.lower():
        case "" | "list":
            await typed.show(await _list(bot, typed.actor))
        case "help":
            await typed.show(blocks.usage())
        case "add":
            await typed.show(await _add(bot, typed, rest))
        case "pause" | "resume" | "remove":
            change = _CHANGES[verb.lower()]
            name = schedules.normalized(rest)
            await typed.say(await _change(bot, name, change, typed.actor))
        case _:
            unknown = text.line(unescape(verb), 40)
            await typed.show(blocks.usage(f"I don't know what “{unknown}” is."))


async def _list(bot: Bot, actor: Actor) -> Payload:
    async with bot.orchestrator.database.read() as session:
        return blocks.schedules(await schedules.of_person(session, actor, now()))


async def _add(bot: Bot, typed: Typed, said: str) -> Payload:
    actor = typed.actor
    cron, asked = parts(said)
    task, _ = await Reader(bot.names, actor.team_id, None).task(asked)
    await check_in(typed.client, typed.channel)
    await bot.access.admission.check(actor, typed.channel)
    add = AddSchedule(
        task=task,
        channel=typed.channel,
        cron=cron,
        timezone=await bot.people.timezone(actor.team_id, actor.user_id),
        id=new_id(),
    )
    await bot.orchestrator.do(add, actor, claim=typed.claim)
    async with bot.orchestrator.database.read() as session:
        made = await schedules.of_person(session, actor, now())
    return blocks.added(next(view for view in made if view.id == add.id))


def parts(typed: str) -> tuple[str, str]:
    """The cron expression and the task of what was typed after `add`. Raises InvalidInput."""
    for pattern in (_QUOTED, _MACRO, _BARE):
        if match := pattern.match(typed.strip()):
            return match[1], match[2]
    raise InvalidInput(
        "Say when and what, with the time in quotation marks. "
        f'For example: /schedules add "{EXAMPLE}" Summarise what is new about our competitors'
    )


async def _change(bot: Bot, name: str, change: Change, actor: Actor) -> str:
    """Pause, resume or remove a schedule, if this person may; what came of it, in a sentence."""
    await _check(bot, name, actor)
    return (await bot.orchestrator.do(change(name), actor)).sentence


async def _check(bot: Bot, name: str, actor: Actor) -> None:
    """Raises NotFound, and NotAllowed that names who may."""
    async with bot.orchestrator.database.read() as session:
        query = select(Schedule).where(Schedule.team_id == actor.team_id, Schedule.name == name)
        found = (await session.exec(query)).first()
    if found is None:
        raise NotFound(f"There is no schedule named {name}.")
    if found.user_id == actor.user_id:
        return
    if found.channel not in await bot.access.channels(actor):
        raise NotFound(f"There is no schedule named {name}.")
    if not await bot.access.is_admin(actor):
        raise NotAllowed(
            f"{text.mention(found.user_id)} made {name}, so only they "
            "and the admins of this workspace can do that."
        )
