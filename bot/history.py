"""Past runs: what `/runs` was asked for, and what it shows."""

from __future__ import annotations

import html
import re
from collections.abc import Collection

from sqlmodel import col

from bot.blocks import history
from bot.blocks.payload import Payload
from bot.bot import Bot
from bot.links import of_threads
from bot.view import run_rows
from orchestrator import text
from orchestrator.commands import Actor
from orchestrator.errors import InvalidInput
from orchestrator.history import Place, State, Wanted, find
from orchestrator.store.tables import Run

PAGE = 8
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^>]*)?>")
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_STATES = {state.value: state for state in State}


def wanted(query: str, actor: Actor, channels: Collection[str]) -> Wanted:
    """Which runs `query` asks for, as it was typed: one's own where it is empty.

    Several words of one kind widen it, words of different kinds narrow it. Raises InvalidInput.
    """
    typed = query.split()
    people = {actor.user_id} if not typed or "mine" in map(str.lower, typed) else set()
    states, places, words = set(), set(), []
    for word in typed:
        if (state := _STATES.get(word.lower())) is not None:
            states.add(state)
        elif channel := _CHANNEL.fullmatch(word):
            places.add(channel[1])
        elif person := _PERSON.fullmatch(word):
            people.add(person[1])
        elif word.startswith("#"):
            raise InvalidInput(
                f"I cannot tell which channel {html.unescape(word)} is. "
                "Choose it from the list that comes up while you type its name."
            )
        elif word.lower() not in ("all", "mine"):
            words.append(text.one_line(html.unescape(word)))
    return Wanted(
        actor,
        frozenset(channels),
        frozenset(states),
        frozenset(people),
        frozenset(places),
        tuple(filter(None, words)),
    )


async def page(bot: Bot, query: str, actor: Actor, at: Place | None = None) -> Payload:
    """A page of the runs that `query` asks for and this person may see. Raises InvalidInput."""
    asked = wanted(query, actor, await bot.access.channels(actor))
    async with bot.orchestrator.database.read() as session:
        found = await find(session, asked, PAGE, at)
        rows = await run_rows(session, col(Run.id).in_(found.ids), limit=PAGE)
    links = await of_threads(bot.installations, actor.team_id, rows)
    return history.runs(rows, asked, page=found, query=query, links=links)
