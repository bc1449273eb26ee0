"""What is done to the workspace itself: channels, accounts and the app."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localslack import seed
from bot.localslack.directory import Directory, for_person
from bot.localslack.errors import PersonError
from bot.localslack.events import Events
from bot.localslack.feed import Feed
from bot.localslack.storage import JsonObject


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes the workspace, and tells people and the bot. Everything raises `PersonError`."""

    directory: Directory
    events: Events
    feed: Feed

    def archive(self, actor: str, channel: JsonObject, *, archived: bool = True) -> None:
        """Close a channel: it can be read, and nothing can be posted. Or open it again."""
        self._check_admin(actor)
        _check_channel(channel)
        if bool(channel.get("is_archived")) == archived:
            return
        changed = self.directory.archive(channel, archived=archived)
        self._tell(changed)
        self.events.archived(changed, actor, archived=archived)

    def remove_bot(self, actor: str, channel: JsonObject) -> None:
        """Take the bot out of a channel."""
        _check_channel(channel)
        if seed.BOT_USER not in channel["members"]:
            return
        changed = self.directory.leave(channel, seed.BOT_USER)
        self._tell(changed)
        self.events.bot_left(changed, actor)

    def add_bot(self, actor: str, channel: JsonObject) -> None:
        """Bring the bot into a channel."""
        _check_channel(channel)
        if seed.BOT_USER in channel["members"]:
            return
        changed = self.directory.join(channel, seed.BOT_USER)
        self._tell(changed)
        self.events.bot_joined(changed, actor)

    def deactivate(self, actor: str, name: str, *, deleted: bool = True) -> None:
        """Close somebody's account, or open it again. Nobody closes their own."""
        self._check_admin(actor)
        user = self.directory.person(name)
        if user["is_bot"] or user["id"] == actor:
            raise PersonError("cant_deactivate", "This account cannot be deactivated by you.", 403)
        if user["deleted"] == deleted:
            return
        changed = self.directory.deactivate(user, deleted=deleted)
        self.feed.publish("user", {"id": changed["id"], "deleted": deleted})
        self.events.user_changed(changed)

    def uninstall(self, actor: str) -> None:
        """Take the app out of the workspace; what it said stays."""
        self._check_admin(actor)
        self.revoke()

    def revoke(self) -> None:
        """The app's tokens are worth nothing any more, and it is told so."""
        if self.directory.is_installed:
            self.events.uninstalled()
            self._set_installed(installed=False)

    def install(self, actor: str) -> None:
        """Let the app in again, with the tokens it had."""
        self._check_admin(actor)
        self._set_installed(installed=True)

    def _set_installed(self, *, installed: bool) -> None:
        self.directory.set_installed(installed=installed)
        self.feed.publish("app", {"installed": installed})

    def _tell(self, channel: JsonObject) -> None:
        self.feed.publish("channel", for_person(channel), channel["members"])

    def _check_admin(self, actor: str) -> None:
        if not self.directory.person(actor)["is_admin"]:
            raise PersonError("not_allowed", "Only workspace admins can do that.", 403)


def _check_channel(channel: JsonObject) -> None:
    if channel["is_im"]:
        raise PersonError("not_a_channel", "That works in channels only.")
