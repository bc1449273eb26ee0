"""Who may act on a run, and who may see it. Checked here, whatever a message showed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks.text import mention
from orchestrator.commands import Actor
from orchestrator.errors import NotAllowed, NotFound
from orchestrator.store.database import Database
from orchestrator.store.tables import Run

_T = TypeVar("_T")

_REMEMBERED_S = 60.0
_MOST_REMEMBERED = 5_000


class Access:
    """Knows who asked for a run, who administers a workspace and who is in which channel."""

    def __init__(
        self,
        database: Database,
        clients: Callable[[str], Awaitable[AsyncWebClient]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clients = clients
        self._clock = clock
        self._admins: dict[Actor, tuple[float, bool]] = {}
        self._channels: dict[Actor, tuple[float, frozenset[str]]] = {}

    async def check(self, run_id: str, actor: Actor) -> Run:
        """The run, if this person may act on it. Raises NotFound, NotAllowed that names who may."""
        run = await self.find(run_id, actor)
        if run.requester != actor.user_id and not await self._is_admin(actor):
            raise NotAllowed(
                f"{mention(run.requester)} asked for {run.name}, so only they "
                "and the admins of this workspace can do that."
            )
        return run

    async def find(self, run_id: str, actor: Actor) -> Run:
        """The run, if this person may see it. Raises NotFound."""
        async with self._database.read() as session:
            run = await session.get(Run, run_id)
        if run is None or run.team_id != actor.team_id:
            raise NotFound("That run no longer exists.")
        if run.requester != actor.user_id and run.channel not in await self.channels(actor):
            raise NotFound("That run no longer exists.")
        return run

    async def channels(self, actor: Actor) -> frozenset[str]:
        """The channels that both this person and the bot are in."""
        known = self._channels.get(actor)
        if known is not None and known[0] > self._clock():
            return known[1]
        channels = frozenset(await self._fetch_channels(actor))
        _remember(self._channels, actor, (self._clock() + _REMEMBERED_S, channels))
        return channels

    async def _fetch_channels(self, actor: Actor) -> list[str]:
        client = await self._clients(actor.team_id)
        channels: list[str] = []
        cursor: str | None = None
        while True:
            page = await client.users_conversations(
                user=actor.user_id,
                types="public_channel,private_channel,mpim,im",
                exclude_archived=True,
                limit=200,
                cursor=cursor,
            )
            channels += [channel["id"] for channel in page["channels"]]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return channels

    async def _is_admin(self, actor: Actor) -> bool:
        known = self._admins.get(actor)
        if known is not None and known[0] > self._clock():
            return known[1]
        client = await self._clients(actor.team_id)
        try:
            user = (await client.users_info(user=actor.user_id))["user"]
        except SlackApiError:
            return False
        is_admin = bool(user.get("is_admin") or user.get("is_owner"))
        _remember(self._admins, actor, (self._clock() + _REMEMBERED_S, is_admin))
        return is_admin


def _remember(cache: dict[Actor, _T], actor: Actor, value: _T) -> None:
    if len(cache) >= _MOST_REMEMBERED:
        cache.clear()
    cache[actor] = value
