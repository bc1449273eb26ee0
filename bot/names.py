"""Names of people, channels and user groups, looked up by their ids."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot import refusals
from bot.markup import Kind, Reference, clean_name
from bot.people import People
from orchestrator.errors import NotInstalled

log = structlog.get_logger(__name__)

Clients = Callable[[str], Awaitable[AsyncWebClient]]

# Seconds that a name is good for, that a failure is not tried again, and that a message waits.
_KNOWN_S = 600.0
_FAILED_S = 60.0
_WAIT_S = 1.0
_MOST_KNOWN = 5_000
_MOST_OF_MESSAGE = 50
_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of an id: its name, empty where it has none to be shown."""

    name: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    """An id in a workspace."""

    team_id: str
    kind: Kind
    id: str


class Names:
    """Looks up what ids stand for, and remembers it for a while.

    It never fails: what Slack does not tell in time stays an id.
    """

    def __init__(
        self, clients: Clients, people: People, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clients = clients
        self._people = people
        self._clock = clock
        self._known: dict[_Key, tuple[float, _Found]] = {}
        self._looking: dict[_Key, asyncio.Task[None]] = {}
        self._not_before: dict[tuple[str, Kind], float] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def of(self, team_id: str, named: Iterable[Reference]) -> dict[str, str]:
        """Return the names of these by id; two that share a name are told apart by their ids."""
        keys = list(dict.fromkeys(_Key(team_id, item.kind, item.id) for item in named))
        await self._look_up(keys[:_MOST_OF_MESSAGE])
        names = {key.id: found.name for key in keys if (found := self._recall(key)) and found.name}
        shared = _repeated(names.values())
        return {id_: f"{name} ({id_})" if name in shared else name for id_, name in names.items()}

    async def is_person(self, team_id: str, user_id: str) -> bool:
        """Return whether this user is a person, for sure: bots are users, too."""
        found = await self._user(team_id, user_id)
        return found is not None and bool(found.name) and not found.is_bot

    async def is_bot(self, team_id: str, user_id: str) -> bool:
        """Return whether this user is a bot, for sure."""
        found = await self._user(team_id, user_id)
        return found is not None and found.is_bot

    async def _user(self, team_id: str, user_id: str) -> _Found | None:
        key = _Key(team_id, Kind.USER, user_id)
        await self._look_up([key])
        return self._recall(key)

    async def close(self) -> None:
        """Break off what is being looked up."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, keys: Iterable[_Key]) -> None:
        tasks = {self._task(key) for key in keys if self._recall(key) is None}
        if tasks:
            await asyncio.wait(tasks, timeout=_WAIT_S)

    def _task(self, key: _Key) -> asyncio.Task[None]:
        """One look-up for everybody who asks for the same."""
        if (task := self._looking.get(key)) is None:
            task = self._looking[key] = asyncio.create_task(self._find(key))
            task.add_done_callback(lambda _: self._looking.pop(key, None))
        return task

    def _recall(self, key: _Key) -> _Found | None:
        until, found = self._known.get(key, (0.0, None))
        return found if until > self._clock() else None

    def _remember(self, key: _Key, found: _Found, seconds: float) -> None:
        while len(self._known) >= _MOST_KNOWN:
            # The oldest goes first.
            del self._known[next(iter(self._known))]
        self._known.pop(key, None)
        self._known[key] = (self._clock() + seconds, found)

    async def _find(self, key: _Key) -> None:
        place = (key.team_id, key.kind)
        async with self._places:
            if self._not_before.get(place, 0.0) > self._clock():
                return
            try:
                found = await self._fetch(key)
            except (TimeoutError, NotInstalled, aiohttp.ClientError, SlackClientError) as error:
                log.warning(
                    "name_unknown",
                    kind=key.kind.value,
                    error=refusals.in_short(error),
                )
                if refusals.kind_of(error) is refusals.Kind.WAIT:
                    pause_s = refusals.asked_to_wait(error) or 1.0
                    self._not_before[place] = self._clock() + pause_s
                    return
                self._remember(key, _Found(), _FAILED_S)
            else:
                for id_, one in found.items():
                    self._remember(_Key(key.team_id, key.kind, id_), one, _KNOWN_S)

    async def _fetch(self, key: _Key) -> Mapping[str, _Found]:
        if key.kind is Kind.USER:
            person = await self._people.find(key.team_id, key.id)
            return {key.id: _Found(clean_name(person.name), person.is_bot) if person else _Found()}
        client = await self._clients(key.team_id)
        return await (_channel if key.kind is Kind.CHANNEL else _groups)(client, key.id)


def _repeated(names: Iterable[str]) -> frozenset[str]:
    listed = list(names)
    return frozenset(name for name in listed if listed.count(name) > 1)


async def _channel(client: AsyncWebClient, id_: str) -> Mapping[str, _Found]:
    """The name of a public channel: that of another is not for everybody."""
    channel: dict[str, Any] = (await client.conversations_info(channel=id_))["channel"]
    is_public = channel.get("is_channel") and not channel.get("is_private")
    return {id_: _Found(clean_name(str(channel.get("name") or "")) if is_public else "")}


async def _groups(client: AsyncWebClient, id_: str) -> Mapping[str, _Found]:
    """All user groups at once, as there is no way to ask for one."""
    groups: list[dict[str, Any]] = (await client.usergroups_list())["usergroups"]
    found = {str(group["id"]): _Found(clean_name(str(group["handle"]))) for group in groups}
    return {id_: _Found(), **found}
