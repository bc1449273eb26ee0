"""Who may act on a run, and who may see it. Checked here, whatever a message showed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import col, select

from bot.admission import Admission
from bot.blocks import text
from bot.blocks.text import mention
from bot.incoming import is_organisation
from bot.memory import Memory
from bot.people import People
from bot.refusals import Kind, code_of, kind_of
from bot.starters import Standing, Starters
from orchestrator.commands import Actor
from orchestrator.errors import NotAllowed, NotFound
from orchestrator.store.database import Database
from orchestrator.store.tables import ChannelPolicy, Run, Team, WhoActs
from orchestrator.text import listing

log = structlog.get_logger(__name__)

# A user group by its team, its workspace where the team is an organisation, and its id.
_Group = tuple[str, str | None, str]

_REMEMBERED_S = 60.0
_MOST_NAMED = 10


class Access:
    """Knows who asked for a run, who administers a workspace and who is in which channel."""

    def __init__(
        self,
        database: Database,
        clients: Callable[[str], Awaitable[AsyncWebClient]],
        people: People,
        default_starters: Starters,
        bot_runs_per_hour: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clients = clients
        self._people = people
        self.default_starters = default_starters
        self.admission = Admission(
            database, people, self._starters, self._is_member, bot_runs_per_hour
        )
        self._channels: Memory[Actor, frozenset[str]] = Memory(_REMEMBERED_S, clock)
        self._groups: Memory[_Group, frozenset[str]] = Memory(_REMEMBERED_S, clock)

    async def check(self, run_id: str, actor: Actor, *, withdraws: bool = False) -> Run:
        """The run, if this person may act on it. Raises NotFound, NotAllowed that names who may.

        Whoever asked for a run may always withdraw it: stop or reject it.
        """
        run = await self.find(run_id, actor)
        if withdraws and run.requester == actor.user_id:
            return run
        policy = await self.policy(run.team_id, run.channel)
        actor = at_home(run, actor)
        if not await self._may(run, policy, actor) and not await self.is_admin(actor):
            raise NotAllowed(await self._who_may(run, policy))
        if policy is None or policy.who is not WhoActs.APPROVERS:
            await self.admission.check(actor, run.channel)
        return run

    async def find(self, run_id: str, actor: Actor) -> Run:
        """The run, if this person may see it. Raises NotFound."""
        async with self._database.read() as session:
            run = await session.get(Run, run_id)
        if run is None or not await self.may_see(run, actor):
            raise NotFound("That run no longer exists.")
        return run

    async def may_see(self, run: Run, actor: Actor) -> bool:
        """Return whether this person asked for the run, or is in its channel."""
        if run.team_id != actor.team_id and not await self._is_one_company(run, actor):
            return False
        is_theirs = run.requester == actor.user_id
        return is_theirs or run.channel in await self.channels(at_home(run, actor))

    async def _is_one_company(self, run: Run, actor: Actor) -> bool:
        """Return whether the app is in two places of one organisation.

        Of a person who is in several of its workspaces Slack may name any, and an organisation
        may install the app after some of its workspaces did.
        """
        query = select(Team.enterprise_id).where(col(Team.id).in_((actor.team_id, run.team_id)))
        async with self._database.read() as session:
            found = (await session.exec(query)).all()
        return len(found) == 2 and found[0] is not None and found[0] == found[1]

    async def is_asked(self, run: Run, actor: Actor) -> bool:
        """Whether what the run asks is for this person, who may see it, as more than an admin."""
        return await self._may(run, await self.policy(run.team_id, run.channel), actor)

    async def policy(self, team_id: str, channel: str | None) -> ChannelPolicy | None:
        """What was set for the channel, if anything was."""
        if channel is None:
            return None
        async with self._database.read() as session:
            return await session.get(ChannelPolicy, (team_id, channel))

    async def _starters(self, team_id: str, channel: str | None) -> Starters:
        policy = await self.policy(team_id, channel)
        if policy is None or policy.starters is None:
            return self.default_starters
        return Starters(tuple(policy.starters))

    async def channels(self, actor: Actor) -> frozenset[str]:
        """The channels that both this person and the bot are in."""
        return await self._channels.get(actor, lambda: self._fetch_channels(actor))

    async def is_admin(self, actor: Actor) -> bool:
        """Whether this person administers the workspace."""
        try:
            person = await self._people.find(actor.team_id, actor.user_id)
        except SlackApiError:
            return False
        if person is None or not person.is_admin:
            return False
        # Who administers another company does not administer this one.
        return person.standing_in(actor.team_id) is Standing.MEMBER

    async def check_admin(self, actor: Actor) -> None:
        """Raises NotAllowed for everybody but the workspace's admins."""
        if not await self.is_admin(actor):
            raise NotAllowed("Only the admins of this workspace can do that.")

    async def groups(self, team_id: str, user_id: str) -> Mapping[str, str]:
        """Return the names of the user groups, by id, that a person can choose from."""
        client = await self._clients(team_id)
        found: list[dict[str, Any]] = []
        try:
            for scope in await self._scopes(Actor(team_id, user_id)):
                found += (await client.usergroups_list(**scope))["usergroups"]
        except SlackApiError as error:
            log.warning("user_groups_unknown", error=code_of(error))
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
                is_theirs = run.requester == actor.user_id
                # What a bot asked for is for everybody who may start runs there.
                return is_theirs or await self.admission.is_bot(Actor(run.team_id, run.requester))

    async def _is_among(self, approvers: list[str], actor: Actor) -> bool:
        if actor.user_id in approvers:
            return True
        for group in filter(_is_group, approvers):
            if await self._is_member(actor, group):
                return True
        return False

    async def _who_may(self, run: Run, policy: ChannelPolicy | None) -> str:
        if policy is None or policy.who is not WhoActs.APPROVERS:
            return (
                f"{mention(run.requester)} asked for {run.name}, so only they "
                "and the admins of this workspace can do that."
            )
        handles = (
            await self.groups(run.team_id, run.requester)
            if any(map(_is_group, policy.approvers))
            else {}
        )
        named = [
            text.line(handles.get(id_, "a user group"), 60) if _is_group(id_) else mention(id_)
            for id_ in policy.approvers[:_MOST_NAMED]
        ]
        if len(policy.approvers) > _MOST_NAMED:
            named.append("others")
        who = listing([*named, "the admins of this workspace"])
        return f"In this channel only {who} can do that."

    async def _is_member(self, actor: Actor, group: str) -> bool:
        for scope in await self._scopes(actor):
            key = (actor.team_id, scope.get("team_id"), group)
            look = partial(self._fetch_members, actor.team_id, group, scope)
            if actor.user_id in await self._groups.get(key, look):
                return True
        return False

    async def _fetch_members(
        self, team_id: str, group: str, scope: Mapping[str, Any]
    ) -> frozenset[str]:
        client = await self._clients(team_id)
        try:
            found = await client.usergroups_users_list(usergroup=group, **scope)
        except SlackApiError as error:
            if kind_of(error) in (Kind.PASSING, Kind.WAIT):
                raise
            # A group that was disabled has nobody in it.
            log.warning("user_group_unknown", group=group, error=code_of(error))
            return frozenset()
        return frozenset(found["users"])

    async def _fetch_channels(self, actor: Actor) -> frozenset[str]:
        channels: set[str] = set()
        for scope in await self._scopes(actor):
            channels |= await self._channels_in(actor, scope)
        return frozenset(channels)

    async def _channels_in(self, actor: Actor, scope: Mapping[str, Any]) -> set[str]:
        client = await self._clients(actor.team_id)
        channels: set[str] = set()
        cursor: str | None = None
        while True:
            page = await client.users_conversations(
                user=actor.user_id,
                types="public_channel,private_channel,mpim,im",
                exclude_archived=True,
                limit=200,
                cursor=cursor,
                **scope,
            )
            channels |= {channel["id"] for channel in page["channels"]}
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return channels

    async def _scopes(self, actor: Actor) -> list[dict[str, Any]]:
        """Return where to look for what belongs to a workspace: the token of an organisation has
        to name each that the person is in."""
        if not is_organisation(actor.team_id):
            return [{}]
        person = await self._people.find(actor.team_id, actor.user_id)
        return [{"team_id": workspace} for workspace in (person.workspaces if person else ())]


def at_home(run: Run, actor: Actor) -> Actor:
    """Return the person as the team of the run knows them."""
    return Actor(run.team_id, actor.user_id)


def _is_group(approver: str) -> bool:
    return approver.startswith("S")
