"""The events the bot is sent: those Slack sends to a bot that is in the channel."""

from __future__ import annotations

from typing import Any

from bot.localslack import directory, seed
from bot.localslack.ids import Clock, Timestamps, new_id
from bot.localslack.manifest import Manifest
from bot.localslack.sockets import Sockets
from bot.localslack.storage import JsonObject

_SUBSCRIPTIONS = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
_MENTION = f"<@{seed.BOT_USER}>"


class Events:
    """Says to the bot what happened."""

    def __init__(self, sockets: Sockets, manifest: Manifest, clock: Clock, timestamps: Timestamps):
        self._sockets = sockets
        self._manifest = manifest
        self._clock = clock
        self._timestamps = timestamps

    def posted(self, channel: JsonObject, message: JsonObject) -> None:
        """Someone, perhaps the bot itself, posted."""
        event = {**message, "channel": channel["id"], "event_ts": message["ts"]}
        if message.get("files") and "bot_id" not in message:
            event["subtype"] = "file_share"
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
                "previous_message": previous,
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
                "previous_message": previous,
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
            "item_user": message["user"],
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

    def _message(self, channel: JsonObject, event: JsonObject) -> None:
        if seed.BOT_USER not in channel["members"]:
            return
        kind = directory.kind_of(channel)
        self._send(_SUBSCRIPTIONS[kind], {**event, "channel_type": kind})

    def _mention(self, channel: JsonObject, message: JsonObject) -> None:
        if channel["is_im"] or _MENTION not in message["text"]:
            return
        if seed.BOT_USER not in channel["members"] or "bot_id" in message:
            return
        # Slack sends this event before the one with the files, and without them.
        kept = ("client_msg_id", "user", "text", "ts", "team", "thread_ts", "edited", "blocks")
        event = {name: message[name] for name in kept if name in message}
        event |= {"type": "app_mention", "channel": channel["id"], "event_ts": message["ts"]}
        self._send("app_mention", event)

    def _times(self) -> dict[str, str]:
        ts = self._timestamps.next()
        return {"ts": ts, "event_ts": ts}

    def _send(self, subscription: str, event: dict[str, Any]) -> None:
        if not self._manifest.wants(subscription):
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
