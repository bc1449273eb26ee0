"""What is done to the workspace itself: channels, accounts and the app."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.localslack.directory import Directory, for_person
from bot.localslack.errors import PersonError
from bot.localslack.events import Events
from bot.localslack.feed import Feed
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation, Tenants


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes the workspace, and tells people and the bot. Everything raises `PersonError`."""

    tenants: Tenants
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
        bot = self.directory.bot_of(actor)
        if not bot.is_in(channel):
            return
        changed = self.directory.leave(channel, bot.bot_user)
        self._tell(changed)
        self.events.bot_left(changed, bot, actor)

    def add_bot(self, actor: str, channel: JsonObject) -> None:
        """Bring the bot into a channel."""
        _check_channel(channel)
        bot = self.directory.bot_of(actor)
        if bot.is_in(channel):
            return
        changed = self.directory.join(channel, bot.bot_user)
        self._tell(changed)
        self.events.bot_joined(changed, bot, actor)

    def deactivate(self, actor: str, name: str, *, deleted: bool = True) -> None:
        """Close somebody's account, or open it again. Nobody closes their own."""
        self._check_admin(actor)
        user = self.directory.person(name, self.directory.team_of(actor))
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
        self.revoke(self._bot(actor))

    def revoke(self, bot: Installation) -> None:
        """The app's tokens are worth nothing any more, and it is told so."""
        if bot.is_active:
            self.events.uninstalled(bot)
            self._set_installed(bot, installed=False)

    def install(self, actor: str) -> None:
        """Let the app in again, with the tokens it had."""
        self._check_admin(actor)
        self._set_installed(self._bot(actor), installed=True)

    def _bot(self, actor: str) -> Installation:
        bot = self.tenants.home_bot(self.directory.team_of(actor))
        if bot is None:
            raise PersonError("app_not_installed", "The app was never installed here.", 404)
        return bot

    def _set_installed(self, bot: Installation, *, installed: bool) -> None:
        self.tenants.put_installation(replace(bot, is_active=installed))
        self.feed.publish("app", {"installed": installed})

    def _tell(self, channel: JsonObject) -> None:
        self.feed.publish("channel", for_person(channel), channel["members"])

    def _check_admin(self, actor: str) -> None:
        if not self.directory.person(actor)["is_admin"]:
            raise PersonError("not_allowed", "Only workspace admins can do that.", 403)


def _check_channel(channel: JsonObject) -> None:
    if channel["is_im"]:
        raise PersonError("not_a_channel", "That works in channels only.")
