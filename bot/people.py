"""What Slack knows of people: their names, their company and what they are in it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.memory import Memory
from bot.refusals import Kind, kind_of
from bot.starters import Standing

_UTC = "UTC"
_REMEMBERED_S = 60.0
# Slack's own account says of itself that it is no bot.
_SLACKBOT = "USLACKBOT"
_BOTS = ("is_bot", "is_workflow_bot", "is_connector_bot")


@dataclass(frozen=True, slots=True)
class Person:
    """An account as users.info describes it.

    `home` is their own workspace, `workspaces` has all of their organisation that they are in.
    """

    id: str
    name: str
    timezone: str
    home: str | None = None
    workspaces: tuple[str, ...] = ()
    enterprise_id: str | None = None
    is_admin: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_bot: bool = False
    is_gone: bool = False

    @classmethod
    def of(cls, user: Mapping[str, Any]) -> Person:
        """Read the `user` of users.info."""
        organisation = user.get("enterprise_user") or {}
        profile = user.get("profile") or {}
        named = (profile.get("display_name"), user.get("real_name"), user.get("name"))
        home = user.get("team_id") or profile.get("team")
        workspaces = organisation.get("teams") or [home]
        return cls(
            id=user["id"],
            name=next(filter(None, named), user["id"]),
            timezone=_zone(user.get("tz")),
            home=home,
            workspaces=tuple(filter(None, workspaces)),
            enterprise_id=organisation.get("enterprise_id") or user.get("enterprise_id"),
            is_admin=bool(user.get("is_admin") or user.get("is_owner")),
            is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
            is_stranger=bool(user.get("is_stranger")),
            is_bot=user["id"] == _SLACKBOT or any(user.get(flag) for flag in _BOTS),
            is_gone=bool(user.get("deleted")),
        )

    def standing_in(self, team_id: str) -> Standing:
        """Return what they are in a workspace or, by its id, in an organisation.

        Who is not known to be at home there is a partner.
        """
        if self.is_gone:
            return Standing.GONE
        if self.is_bot:
            return Standing.BOT
        if self.is_stranger or team_id not in (*self.workspaces, self.enterprise_id):
            return Standing.PARTNER
        return Standing.GUEST if self.is_guest else Standing.MEMBER


class People:
    """Looks people up, and remembers them for a minute."""

    def __init__(
        self,
        clients: Callable[[str], Awaitable[AsyncWebClient]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clients = clients
        self._known: Memory[tuple[str, str], Person | None] = Memory(_REMEMBERED_S, clock)

    async def find(self, team_id: str, user_id: str) -> Person | None:
        """Return a person as the installation `team_id` sees them; None where it does not.

        Raises SlackApiError, NotInstalled and errors of the network.
        """
        key = (team_id, user_id)
        return await self._known.get(key, lambda: self._look_up(team_id, user_id))

    async def timezone(self, team_id: str, user_id: str) -> str:
        """Return the time zone a person has chosen; UTC where Slack names none known here.

        Raises as `find`.
        """
        person = await self.find(team_id, user_id)
        return person.timezone if person else _UTC

    async def _look_up(self, team_id: str, user_id: str) -> Person | None:
        client = await self._clients(team_id)
        try:
            return Person.of((await client.users_info(user=user_id))["user"])
        except SlackApiError as error:
            if kind_of(error) is Kind.TARGET:
                return None
            raise


def _zone(named: str | None) -> str:
    try:
        return ZoneInfo(named or _UTC).key
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC
