"""Who may act on a run, and who may see it. Checked here, whatever a message showed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks import text
from bot.blocks.text import mention
from bot.refusals import code_of
from orchestrator.commands import Actor
from orchestrator.errors import NotAllowed, NotFound
from orchestrator.store.database import Database
from orchestrator.store.tables import ChannelPolicy, Run, WhoActs
from orchestrator.text import listing

log = structlog.get_logger(__name__)

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")

_REMEMBERED_S = 60.0
_MOST_REMEMBERED = 5_000
_MOST_NAMED = 10


class _Memory(Generic[_K, _T]):
    """What Slack said, for a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values: dict[_K, tuple[float, _T]] = {}

    async def get(self, key: _K, fetch: Callable[[], Awaitable[_T]]) -> _T:
        known = self._values.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        value = await fetch()
        if len(self._values) >= _MOST_REMEMBERED:
            self._values.clear()
        self._values[key] = (self._clock() + _REMEMBERED_S, value)
        return value

    def clear(self) -> None:
        self._values.clear()


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
        self._admins: _Memory[Actor, bool] = _Memory(clock)
        self._channels: _Memory[Actor, frozenset[str]] = _Memory(clock)
        self._groups: _Memory[tuple[str, str], frozenset[str]] = _Memory(clock)

    async def check(self, run_id: str, actor: Actor, *, withdraws: bool = False) -> Run:
        """The run, if this person may act on it. Raises NotFound, NotAllowed that names who may.

        Whoever asked for a run may always withdraw it: stop or reject it.
        """
        run = await self.find(run_id, actor)
        if withdraws and run.requester == actor.user_id:
            return run
        policy = await self.policy(run.team_id, run.channel)
        if not await self._may(run, policy, actor) and not await self.is_admin(actor):
            raise NotAllowed(await self._who_may(run, policy))
        return run

    async def find(self, run_id: str, actor: Actor) -> Run:
        """The run, if this person may see it. Raises NotFound."""
        async with self._database.read() as session:
            run = await session.get(Run, run_id)
        if run is None or not await self.may_see(run, actor):
            raise NotFound("That run no longer exists.")
        return run

    async def may_see(self, run: Run, actor: Actor) -> bool:
        """Whether this person asked for the run, or is in its channel."""
        if run.team_id != actor.team_id:
            return False
        return run.requester == actor.user_id or run.channel in await self.channels(actor)

    async def is_asked(self, run: Run, actor: Actor) -> bool:
        """Whether what the run asks is for this person, who may see it, as more than an admin."""
        return await self._may(run, await self.policy(run.team_id, run.channel), actor)

    async def policy(self, team_id: str, channel: str | None) -> ChannelPolicy | None:
        """What was set for the channel, if anything was."""
        if channel is None:
            return None
        async with self._database.read() as session:
            return await session.get(ChannelPolicy, (team_id, channel))

    async def channels(self, actor: Actor) -> frozenset[str]:
        """The channels that both this person and the bot are in."""
        return await self._channels.get(actor, lambda: self._fetch_channels(actor))

    async def is_admin(self, actor: Actor) -> bool:
        """Whether this person administers the workspace."""
        return await self._admins.get(actor, lambda: self._fetch_admin(actor))

    async def check_admin(self, actor: Actor) -> None:
        """Raises NotAllowed for everybody but the workspace's admins."""
        if not await self.is_admin(actor):
            raise NotAllowed("Only the admins of this workspace can do that.")

    async def groups(self, team_id: str) -> Mapping[str, str]:
        """The names of the user groups of the workspace, by id."""
        client = await self._clients(team_id)
        try:
            found: list[dict[str, Any]] = (await client.usergroups_list())["usergroups"]
        except SlackApiError as error:
            log.warning("user_groups_unknown", error=code_of(error))
            return {}
        return {group["id"]: f"@{group['handle']}" for group in found}

    async def _may(self, run: Run, policy: ChannelPolicy | None, actor: Actor) -> bool:
        match policy.who if policy else WhoActs.REQUESTER:
            case WhoActs.CHANNEL:
                # Only its members see the run, and whoever asked for it.
                return True
            case WhoActs.APPROVERS:
                assert policy is not None
                return await self._is_among(policy.approvers, actor)
            case _:
                return run.requester == actor.user_id

    async def _is_among(self, approvers: list[str], actor: Actor) -> bool:
        if actor.user_id in approvers:
            return True
        for group in filter(_is_group, approvers):
            if actor.user_id in await self._members(actor.team_id, group):
                return True
        return False

    async def _who_may(self, run: Run, policy: ChannelPolicy | None) -> str:
        if policy is None or policy.who is not WhoActs.APPROVERS:
            return (
                f"{mention(run.requester)} asked for {run.name}, so only they "
                "and the admins of this workspace can do that."
            )
        handles = await self.groups(run.team_id) if any(map(_is_group, policy.approvers)) else {}
        named = [
            text.line(handles.get(id_, "a user group"), 60) if _is_group(id_) else mention(id_)
            for id_ in policy.approvers[:_MOST_NAMED]
        ]
        if len(policy.approvers) > _MOST_NAMED:
            named.append("others")
        who = listing([*named, "the admins of this workspace"])
        return f"In this channel only {who} can do that."

    async def _members(self, team_id: str, group: str) -> frozenset[str]:
        return await self._groups.get((team_id, group), lambda: self._fetch_members(team_id, group))

    async def _fetch_members(self, team_id: str, group: str) -> frozenset[str]:
        client = await self._clients(team_id)
        try:
            return frozenset((await client.usergroups_users_list(usergroup=group))["users"])
        except SlackApiError as error:
            # A group that was disabled has nobody in it.
            log.warning("user_group_unknown", group=group, error=code_of(error))
            return frozenset()

    async def _fetch_channels(self, actor: Actor) -> frozenset[str]:
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
                return frozenset(channels)

    async def _fetch_admin(self, actor: Actor) -> bool:
        client = await self._clients(actor.team_id)
        try:
            user = (await client.users_info(user=actor.user_id))["user"]
        except SlackApiError:
            return False
        return bool(user.get("is_admin") or user.get("is_owner"))


def _is_group(approver: str) -> bool:
    return approver.startswith("S")
