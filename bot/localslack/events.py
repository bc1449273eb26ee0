"""The events the bot is sent: those Slack sends to a bot that is in the channel."""

from __future__ import annotations

from typing import Any

from bot.localslack import directory, seed
from bot.localslack.faults import Faults
from bot.localslack.ids import Clock, Timestamps, new_id
from bot.localslack.manifest import Manifest
from bot.localslack.sockets import Sockets
from bot.localslack.storage import JsonObject

_SUBSCRIPTIONS = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
# Slack sends this event before the one with the files, and without them.
_OF_MENTIONS = (
    "client_msg_id",
    "subtype",
    "user",
    "username",
    "bot_id",
    "app_id",
    "bot_profile",
    "text",
    "ts",
    "team",
    "thread_ts",
    "parent_user_id",
    "edited",
    "blocks",
    "attachments",
)
_MENTION = f"<@{seed.BOT_USER}>"


class Events:
    """Says to the bot what happened."""

    def __init__(
        self,
        sockets: Sockets,
        who: directory.Directory,
        manifest: Manifest,
        clock: Clock,
        timestamps: Timestamps,
        faults: Faults,
    ):
        self._sockets = sockets
        self._directory = who
        self._manifest = manifest
        self._clock = clock
        self._timestamps = timestamps
        self._faults = faults

    def posted(self, channel: JsonObject, message: JsonObject) -> None:
        """Someone, perhaps the bot itself, posted."""
        event = {**message, "channel": channel["id"], "event_ts": message["ts"]}
        if message.get("files") and "bot_id" not in message:
            event.setdefault("subtype", "file_share")
        self._message(channel, event)
        self._mention(channel, message)

    def changed(self, channel: JsonObject, message: JsonObject, previous: JsonObject) -> None:
        """A message was edited; one that mentions the bot is a mention again."""
        self._message(
            channel,
            {
                "type": "message",
                "subtype": "message_changed",
                "message": message,
                **self._before(previous),
                "channel": channel["id"],
                "hidden": True,
                **self._times(),
            },
        )
        if message["text"] != previous["text"]:
            self._mention(channel, message)

    def deleted(self, channel: JsonObject, previous: JsonObject) -> None:
        """A message is gone."""
        self._message(
            channel,
            {
                "type": "message",
                "subtype": "message_deleted",
                **self._before(previous),
                "deleted_ts": previous["ts"],
                "channel": channel["id"],
                "hidden": True,
                **self._times(),
            },
        )

    def reacted(
        self, channel: JsonObject, message: JsonObject, user: str, name: str, *, added: bool
    ) -> None:
        """Someone added or took back a reaction."""
        kind = "reaction_added" if added else "reaction_removed"
        event = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel["id"], "ts": message["ts"]},
            **({"item_user": message["user"]} if "user" in message else {}),
            "event_ts": self._timestamps.next(),
        }
        if seed.BOT_USER in channel["members"]:
            self._send(kind, event)

    def home_opened(
        self, user: str, channel: JsonObject, tab: str, view: JsonObject | None
    ) -> None:
        """Someone opened the bot's page, at one of its tabs."""
        event: JsonObject = {
            "type": "app_home_opened",
            "user": user,
            "channel": channel["id"],
            "tab": tab,
            "event_ts": self._timestamps.next(),
        }
        if tab == "home" and view is not None:
            event["view"] = view
        self._send("app_home_opened", event)

    def archived(self, channel: JsonObject, user: str, *, archived: bool) -> None:
        """A channel was archived, or brought back."""
        kind = f"{directory.kind_of(channel)}_{'archive' if archived else 'unarchive'}"
        if seed.BOT_USER in channel["members"]:
            self._send(kind, self._about(channel, kind, user=user))

    def bot_left(self, channel: JsonObject, user: str) -> None:
        """Someone removed the bot from a channel."""
        kind = f"{directory.kind_of(channel)}_left"
        self._send(kind, self._about(channel, kind, actor_id=user))

    def bot_joined(self, channel: JsonObject, user: str) -> None:
        """Someone added the bot to a channel."""
        event = self._about(channel, "member_joined_channel", user=seed.BOT_USER, inviter=user)
        event |= {"channel_type": "G" if channel["is_private"] else "C", "team": seed.TEAM_ID}
        self._send("member_joined_channel", event)

    def user_changed(self, user: JsonObject) -> None:
        """Someone's account is not what it was."""
        event_ts = self._timestamps.next()
        self._send("user_change", {"type": "user_change", "user": user, "event_ts": event_ts})

    @property
    def wants_stops(self) -> bool:
        """Whether the app listens when someone asks it to stop."""
        return self._manifest.wants("agent_session_stopped")

    def session_stopped(
        self, channel: JsonObject, thread_ts: str, user: str, streams: list[str]
    ) -> None:
        """Someone asked the app to stop what it does in a thread."""
        event = self._about(channel, "agent_session_stopped", user=user, thread_ts=thread_ts)
        self._send("agent_session_stopped", {**event, "streaming_message_ts": streams})

    def uninstalled(self) -> None:
        """The app was taken out of the workspace: its tokens are worth nothing any more."""
        tokens = {"oauth": [], "bot": [seed.BOT_USER]}
        for kind, more in (("tokens_revoked", {"tokens": tokens}), ("app_uninstalled", {})):
            self._send(kind, {"type": kind, **more, "event_ts": self._timestamps.next()})

    def _about(self, channel: JsonObject, kind: str, **more: str) -> JsonObject:
        event_ts = self._timestamps.next()
        return {"type": kind, "channel": channel["id"], **more, "event_ts": event_ts}

    def _message(self, channel: JsonObject, event: JsonObject) -> None:
        if seed.BOT_USER not in channel["members"]:
            return
        kind = directory.kind_of(channel)
        self._send(_SUBSCRIPTIONS[kind], {**event, "channel_type": kind})

    def _mention(self, channel: JsonObject, message: JsonObject) -> None:
        if channel["is_im"] or _MENTION not in message["text"]:
            return
        if seed.BOT_USER not in channel["members"] or message.get("bot_id") == seed.BOT_ID:
            return
        event = {name: message[name] for name in _OF_MENTIONS if name in message}
        event |= {"type": "app_mention", "channel": channel["id"], "event_ts": message["ts"]}
        self._send("app_mention", event)

    def _before(self, previous: JsonObject) -> JsonObject:
        return {} if self._faults.without_previous else {"previous_message": previous}

    def _times(self) -> dict[str, str]:
        ts = self._timestamps.next()
        return {"ts": ts, "event_ts": ts}

    def _send(self, subscription: str, event: dict[str, Any]) -> None:
        if not self._manifest.wants(subscription) or not self._directory.is_installed:
            return
        event_id = new_id("Ev")
        self._sockets.publish(
            event_id,
            {
                "token": "local",
                "team_id": seed.TEAM_ID,
                "context_team_id": seed.TEAM_ID,
                "context_enterprise_id": None,
                "api_app_id": seed.APP_ID,
                "event": event,
                "type": "event_callback",
                "event_id": event_id,
                "event_time": int(self._clock()),
                "authorizations": [
                    {
                        "enterprise_id": None,
                        "team_id": seed.TEAM_ID,
                        "user_id": seed.BOT_USER,
                        "is_bot": True,
                        "is_enterprise_install": False,
                    }
                ],
                "is_ext_shared_channel": False,
                "event_context": f"4-{event_id}",
            },
        )
