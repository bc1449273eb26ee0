"""Who is in the workspace, and in which channels."""

from __future__ import annotations

import re
from typing import Any

from bot.localslack import seed
from bot.localslack.errors import PersonError
from bot.localslack.storage import JsonObject, Storage


class Directory:
    """Looks up people and channels."""

    def __init__(self, storage: Storage):
        self._storage = storage

    @property
    def team(self) -> JsonObject:
        """The workspace itself."""
        team = self._storage.get("workspace", seed.TEAM_ID)
        assert team is not None, "a workspace is seeded before it is used"
        return team

    @property
    def is_installed(self) -> bool:
        """Whether the app is, as it is until somebody uninstalls it."""
        return bool(self.team.get("is_installed", True))

    def set_installed(self, *, installed: bool) -> None:
        """Install the app, or take it out of the workspace."""
        team = {**self.team, "is_installed": installed}
        self._storage.put("workspace", seed.TEAM_ID, team)

    def users(self) -> list[JsonObject]:
        """Everyone, the bot included."""
        return self._storage.every("user")

    def user(self, user_id: str) -> JsonObject | None:
        """One member of the workspace."""
        return self._storage.get("user", user_id)

    def person(self, name: str) -> JsonObject:
        """A person by id, name, real name or first name. Raises `PersonError`."""
        wanted = name.casefold()
        for user in self.users():
            real = user["real_name"].casefold()
            if wanted in (user["id"].casefold(), user["name"], real, real.split()[0]):
                return user
        raise PersonError("user_not_found", f"Nobody here is called {name}.", 404)

    def channels(self) -> list[JsonObject]:
        """All channels and direct messages."""
        return self._storage.every("channel")

    def channel(self, name: str) -> JsonObject | None:
        """A channel by id or name; a user id stands for that person's messages with the bot."""
        found = self._storage.get("channel", name)
        if found is not None:
            return found
        if name.startswith("U"):
            return self.direct_message(name)
        wanted = name.removeprefix("#").casefold()
        named = (channel for channel in self.channels() if channel["name"] == wanted)
        return next(named, None) if wanted else None

    def direct_message(self, user_id: str) -> JsonObject | None:
        """A person's messages with the bot."""
        return next((c for c in self.channels() if c.get("user") == user_id), None)

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
        gone = {user["id"] for user in self.users() if user["deleted"]}
        return [member for member in channel["members"] if member not in gone]

    def usergroups(self) -> list[JsonObject]:
        """Named groups of people."""
        return self._storage.every("usergroup")

    def visible_channel(self, user_id: str, name: str) -> JsonObject:
        """A channel that person is in. Raises `PersonError`."""
        channel = self.channel(name)
        if channel is None or user_id not in channel["members"]:
            raise PersonError("channel_not_found", "There is no such channel for you.", 404)
        return channel

    def _changed(self, channel: JsonObject, **changes: Any) -> JsonObject:
        changed = {**channel, **changes}
        self._storage.put("channel", channel["id"], changed)
        return changed

    def as_slack_text(self, text: str) -> str:
        """Text as a person types it, in the form Slack stores: escaped, with real mentions."""
        parts = _MARKUP.split(text)
        # split() with one group gives plain text and markup in turn.
        return "".join(part if index % 2 else self._plain(part) for index, part in enumerate(parts))

    def _plain(self, text: str) -> str:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = _LINK.sub(lambda match: f"<{match[0]}>", text)
        text = _CHANNEL.sub(self._channel_mention, text)
        return self._mentions().sub(self._mention, text)

    def _channel_mention(self, match: re.Match[str]) -> str:
        channel = self.channel(match[1])
        return match[0] if channel is None else f"<#{channel['id']}|{channel['name']}>"

    def _mentions(self) -> re.Pattern[str]:
        names = {name for user in self.users() for name in (user["real_name"], user["name"])}
        words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        return re.compile(rf"(?<![\w@.])@({words})(?!\w)", re.IGNORECASE)

    def _mention(self, match: re.Match[str]) -> str:
        return f"<@{self.person(match[1])['id']}>"


_MARKUP = re.compile(r"(<(?:[@#!][A-Za-z0-9^|._ -]+|https?://[^<>\s]+)>)")
_CHANNEL = re.compile(r"(?<![\w#&/])#([a-z0-9][a-z0-9_-]{0,79})(?![\w#(-])")
_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"]")


def kind_of(channel: JsonObject) -> str:
    """`im`, `group` (private) or `channel`, as events name it."""
    if channel["is_im"]:
        return "im"
    return "group" if channel["is_private"] else "channel"


def for_person(channel: JsonObject) -> JsonObject:
    """A channel as people's page shows it."""
    kept = ("id", "name", "is_im", "is_private", "is_archived", "topic", "members", "user")
    return {name: channel[name] for name in kept if name in channel}


def for_api(channel: JsonObject) -> dict[str, Any]:
    """A channel as the Web API shows it to the bot."""
    common = {
        "id": channel["id"],
        "created": channel["created"],
        "is_archived": channel.get("is_archived", False),
        "is_im": channel["is_im"],
        "is_org_shared": False,
        "context_team_id": seed.TEAM_ID,
    }
    if channel["is_im"]:
        return {**common, "user": channel["user"], "is_user_deleted": False, "priority": 0}
    return {
        **common,
        "name": channel["name"],
        "name_normalized": channel["name"],
        "is_channel": not channel["is_private"],
        "is_group": False,
        "is_mpim": False,
        "is_private": channel["is_private"],
        "is_general": channel["name"] == "general",
        "is_shared": False,
        "is_ext_shared": False,
        "is_member": seed.BOT_USER in channel["members"],
        "creator": channel["creator"],
        "topic": {"value": channel["topic"], "creator": channel["creator"], "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel["members"]),
    }
