"""Who is in the workspace, and in which channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bot.localslack import seed
from bot.localslack.errors import PersonError
from bot.localslack.ids import new_id
from bot.localslack.storage import JsonObject, Storage
from bot.localslack.tenants import Installation, Team, Tenants, team_ids_of


class Directory:
    """Looks up people and channels."""

    def __init__(self, storage: Storage, tenants: Tenants):
        self._storage = storage
        self._tenants = tenants

    def users(self) -> list[JsonObject]:
        """Everyone of every workspace, the bots included; the first workspace's people first."""
        return _first(seed.TEAM_ID, self._storage.every("user"))

    def members(self, team: Team) -> list[JsonObject]:
        """Everyone of one workspace, its bot included."""
        return [user for user in self.users() if user["team_id"] == team.id]

    def user(self, user_id: str) -> JsonObject | None:
        """One account, of whichever workspace."""
        return self._storage.get("user", user_id)

    def put_user(self, user: JsonObject) -> None:
        """Store an account."""
        self._storage.put("user", user["id"], user)

    def put_channel(self, channel: JsonObject) -> None:
        """Store a channel."""
        self._storage.put("channel", channel["id"], channel)

    def team_of(self, user_id: str) -> Team:
        """The workspace of a person. Raises `PersonError`."""
        return self._tenants.team(self.person(user_id)["team_id"])

    def person(self, name: str, *teams: Team) -> JsonObject:
        """A person by id, name, real name or first name, of these workspaces or of any.

        Raises `PersonError`.
        """
        members = [user for team in teams for user in self.members(team)]
        found = _named(members if teams else self.users(), name)
        if found is None:
            raise PersonError("user_not_found", f"Nobody here is called {name}.", 404)
        return found

    def colleagues(self, user_id: str) -> list[JsonObject]:
        """Whom a person can mention: their own workspace's people first, then who shares a
        channel with it."""
        own = self.team_of(user_id)
        known = {own.id}
        for channel in self.channels():
            teams = team_ids_of(channel)
            known |= set(teams) if own.id in teams and not channel["is_im"] else set()
        return _first(own.id, [user for user in self.users() if user["team_id"] in known])

    def bot_of(self, user_id: str) -> Installation:
        """The app as that person meets it: their own workspace's, else one they share a channel
        with."""
        own = self._tenants.of_team(self.team_of(user_id).id)
        if own is not None:
            return own
        shared = [c for c in self.channels() if user_id in c["members"]]
        met = [each for channel in shared for each in self._tenants.in_channel(channel)]
        return next(iter(met), self._tenants.installations()[0])

    def channels(self) -> list[JsonObject]:
        """All channels and direct messages."""
        return self._storage.every("channel")

    def channel(self, channel_id: str) -> JsonObject | None:
        """A channel by its id."""
        return self._storage.get("channel", channel_id)

    def channels_of(self, installation: Installation, team: Team) -> list[JsonObject]:
        """The channels of a workspace that the app sees, and its direct messages."""
        seen = (c for c in self.channels() if self._tenants.sees(installation, c))
        return [channel for channel in seen if team.id in team_ids_of(channel)]

    def channel_of(self, installation: Installation, name: str) -> JsonObject | None:
        """A channel that the app sees, by id or name; a user id stands for that person's messages
        with the bot."""
        found = self.channel(name)
        if found is not None:
            return found if self._tenants.sees(installation, found) else None
        if name.startswith("U"):
            return self.direct_message(name, installation.bot_user)
        seen = (c for c in self.channels() if self._tenants.sees(installation, c))
        return _channel_named(seen, name)

    def direct_message(self, user_id: str, bot: str) -> JsonObject | None:
        """A person's messages with a bot."""
        theirs = (c for c in self.channels() if c.get("user") == user_id)
        return next((c for c in theirs if bot in c["members"]), None)

    def group_message(self, members: Sequence[str]) -> JsonObject | None:
        """Return the direct message of exactly these people and bots."""
        wanted = set(members)
        groups = (c for c in self.channels() if c.get("is_mpim"))
        return next((group for group in groups if set(group["members"]) == wanted), None)

    def open_group_message(self, members: Sequence[str], team: Team) -> JsonObject:
        """Begin a direct message of several people and bots."""
        names = [self.person(member)["name"] for member in members]
        name = f"mpdm-{'--'.join(names)}-1"
        channel = seed.channel(new_id("G"), name, members, is_private=True)
        channel |= {"is_mpim": True, "team": team.id}
        self.put_channel(channel)
        return channel

    def join(self, channel: JsonObject, user_id: str) -> JsonObject:
        """The channel with that member added."""
        return self._changed(channel, members=[*channel["members"], user_id])

    def leave(self, channel: JsonObject, user_id: str) -> JsonObject:
        """The channel without that member."""
        return self._changed(channel, members=[m for m in channel["members"] if m != user_id])

    def archive(self, channel: JsonObject, *, archived: bool) -> JsonObject:
        """The channel closed for good, or open again."""
        return self._changed(channel, is_archived=archived)

    def deactivate(self, user: JsonObject, *, deleted: bool) -> JsonObject:
        """The person without an account, or with one again."""
        changed = {**user, "deleted": deleted}
        self._storage.put("user", user["id"], changed)
        return changed

    def active_members(self, channel: JsonObject) -> list[str]:
        """The members who have not left the workspace."""
        gone = {user["id"] for user in self._storage.every("user") if user["deleted"]}
        return [member for member in channel["members"] if member not in gone]

    def usergroups(self, team: Team) -> list[JsonObject]:
        """Named groups of people of one workspace."""
        found = self._storage.every("usergroup")
        return [group for group in found if group["team_id"] == team.id]

    def visible_channel(self, user_id: str, name: str) -> JsonObject:
        """A channel that person is in. Raises `PersonError`."""
        channel = self.channel(name)
        if channel is None:
            channel = _channel_named(self._channels_of(user_id), name)
        if channel is None or user_id not in channel["members"]:
            raise PersonError("channel_not_found", "There is no such channel for you.", 404)
        return channel

    def _changed(self, channel: JsonObject, **changes: Any) -> JsonObject:
        changed = {**channel, **changes}
        self._storage.put("channel", channel["id"], changed)
        return changed

    def as_slack_text(self, text: str, user_id: str) -> str:
        """Text as that person types it, in the form Slack stores: escaped, with real mentions."""
        parts = _MARKUP.split(text)
        # split() with one group gives plain text and markup in turn.
        return "".join(
            part if index % 2 else self._plain(part, user_id) for index, part in enumerate(parts)
        )

    def _plain(self, text: str, user_id: str) -> str:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = _LINK.sub(lambda match: f"<{match[0]}>", text)
        if "#" in text:
            text = _CHANNEL.sub(partial(_channel_mention, self._seen_channels(user_id)), text)
        return self._mentions(text, user_id) if "@" in text else text

    def _channels_of(self, user_id: str) -> list[JsonObject]:
        return [channel for channel in self.channels() if user_id in channel["members"]]

    def _seen_channels(self, user_id: str) -> list[JsonObject]:
        team = self.team_of(user_id).id
        return [channel for channel in self.channels() if team in team_ids_of(channel)]

    def _mentions(self, text: str, user_id: str) -> str:
        users = self.colleagues(user_id)
        names = {name for user in users for name in (user["real_name"], user["name"])}
        words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        mention = re.compile(rf"(?<![\w@.])@({words})(?!\w)", re.IGNORECASE)
        return mention.sub(partial(_mention, users), text)


_MARKUP = re.compile(r"(<(?:[@#!][A-Za-z0-9^|._ -]+|https?://[^<>\s]+)>)")
_CHANNEL = re.compile(r"(?<![\w#&/])#([a-z0-9][a-z0-9_-]{0,79})(?![\w#(-])")
_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"]")


def _first(team_id: str, users: list[JsonObject]) -> list[JsonObject]:
    return sorted(users, key=lambda user: user["team_id"] != team_id)


def _named(users: Iterable[JsonObject], name: str) -> JsonObject | None:
    wanted = name.casefold()
    for user in users:
        real = user["real_name"].casefold()
        if wanted in (user["id"].casefold(), user["name"], real, real.split()[0]):
            return user
    return None


def _channel_named(channels: Iterable[JsonObject], name: str) -> JsonObject | None:
    wanted = name.removeprefix("#").casefold()
    named = (channel for channel in channels if channel["name"] == wanted)
    return next(named, None) if wanted else None


def _channel_mention(channels: Iterable[JsonObject], match: re.Match[str]) -> str:
    channel = _channel_named(channels, match[1])
    return match[0] if channel is None else f"<#{channel['id']}|{channel['name']}>"


def _mention(users: Iterable[JsonObject], match: re.Match[str]) -> str:
    user = _named(users, match[1])
    return match[0] if user is None else f"<@{user['id']}>"


def kind_of(channel: JsonObject) -> str:
    """`im`, `mpim`, `group` (private) or `channel`, as events name it."""
    if channel["is_im"]:
        return "im"
    if channel.get("is_mpim"):
        return "mpim"
    return "group" if channel["is_private"] else "channel"


def for_person(channel: JsonObject) -> JsonObject:
    """A channel as people's page shows it."""
    kept = ("id", "name", "is_im", "is_private", "is_archived", "topic", "members", "user")
    return {name: channel[name] for name in kept if name in channel}
