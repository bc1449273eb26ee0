"""Whether somebody may have the bot work for them, which costs money and uses its tools.

Asked wherever a run begins or is acted on. By default it is for full members of the workspace;
what cannot be found out is taken for a no.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from sqlmodel import col, func, select

from bot.people import People, Person
from bot.refusals import in_short
from bot.starters import Standing, Starters
from orchestrator.commands import Actor
from orchestrator.errors import NotAllowed, NotInstalled
from orchestrator.store.clock import now
from orchestrator.store.database import Database
from orchestrator.store.tables import Run

log = structlog.get_logger(__name__)

_WINDOW = timedelta(hours=1)
_UNKNOWN = (TimeoutError, NotInstalled, aiohttp.ClientError, SlackClientError)
_UNSURE = "I could not find out who you are in this workspace. Please try again in a moment."
_REFUSALS = {
    Standing.GUEST: "Only full members of this workspace can have me work here; you are a guest.",
    Standing.PARTNER: "Only members of the workspace that I belong to can have me work here; you "
    "are from another one.",
    Standing.BOT: "Bots can have me work only where an admin has named them.",
    Standing.GONE: "Your account in this workspace was deactivated.",
}
_HOW = "An admin can allow it with /orchestrate policy."

StartersOf = Callable[[str, str | None], Awaitable[Starters]]
IsInGroup = Callable[[Actor, str], Awaitable[bool]]


class Admission:
    """Decides who may start runs and act on them: `starters_of` a channel."""

    def __init__(
        self,
        database: Database,
        people: People,
        starters_of: StartersOf,
        is_in_group: IsInGroup,
        bot_runs_per_hour: int,
    ) -> None:
        self._database = database
        self._people = people
        self._starters_of = starters_of
        self._is_in_group = is_in_group
        self._bot_runs_per_hour = bot_runs_per_hour

    async def check(self, actor: Actor, channel: str | None) -> None:
        """Raises NotAllowed with a sentence for a person who may not have the bot work there."""
        starters = await self._starters_of(actor.team_id, channel)
        person = await self._find(actor)
        standing = person.standing_in(actor.team_id) if person else Standing.PARTNER
        if standing in starters.standings:
            return
        is_person = standing in (Standing.GUEST, Standing.PARTNER)
        if is_person and await self._is_named(actor, channel, starters):
            return
        how = f" {_HOW}" if is_person else ""
        raise NotAllowed(_REFUSALS[standing] + how)

    async def admits_bot(self, actor: Actor, bot_id: str, channel: str) -> bool:
        """Return whether a bot, by either of its ids, may start another run there now: bots that
        answer each other would go on for ever."""
        starters = await self._starters_of(actor.team_id, channel)
        if not (starters.names(bot_id) or starters.names(actor.user_id)):
            return False
        if await self._begun_by(actor) < self._bot_runs_per_hour:
            return True
        log.warning("bot_starts_too_many_runs", bot=bot_id, channel=channel)
        return False

    async def is_bot(self, actor: Actor) -> bool:
        """Return whether this is a bot, for sure."""
        if actor.user_id.startswith("B"):
            return True
        try:
            person = await self._people.find(actor.team_id, actor.user_id)
        except _UNKNOWN:
            return False
        return person is not None and person.is_bot

    async def _find(self, actor: Actor) -> Person | None:
        try:
            return await self._people.find(actor.team_id, actor.user_id)
        except _UNKNOWN as error:
            log.warning("person_unknown", user=actor.user_id, error=in_short(error))
            raise NotAllowed(_UNSURE) from error

    async def _is_named(self, actor: Actor, channel: str | None, starters: Starters) -> bool:
        if starters.names(actor.user_id) or (channel is not None and starters.names(channel)):
            return True
        for group in starters.groups:
            if await self._is_in_group(actor, group):
                return True
        return False

    async def _begun_by(self, actor: Actor) -> int:
        query = (
            select(func.count())
            .select_from(Run)
            .where(
                Run.team_id == actor.team_id,
                Run.requester == actor.user_id,
                col(Run.created_at) > now() - _WINDOW,
            )
        )
        async with self._database.read() as session:
            return (await session.exec(query)).one()
