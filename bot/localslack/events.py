"""The events the bot is sent: those Slack sends to a bot that is in the channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.localslack import directory, seed
from bot.localslack.delivery import Delivery
from bot.localslack.faults import Faults
from bot.localslack.ids import Clock, Timestamps, new_id
from bot.localslack.manifest import Manifest
from bot.localslack.perspective import Perspective
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation, Team, Tenants

_SUBSCRIPTIONS = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}
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
_FOREIGN = ("user_team", "source_team", "user_profile")

Show = Callable[[Installation], JsonObject]
"""A message, as an installation is shown it."""


class Events:
    """Says to the app what happened.

    However many installations see it, one event is sent, and names one of them:
    https://docs.slack.dev/apis/events-api#authorizations
    """

    def __init__(
        self,
        delivery: Delivery,
        tenants: Tenants,
        perspective: Perspective,
        who: directory.Directory,
        manifest: Manifest,
        clock: Clock,
        timestamps: Timestamps,
        faults: Faults,
    ):
        self._delivery = delivery
        self._tenants = tenants
        self._perspective = perspective
        self._directory = who
        self._manifest = manifest
        self._clock = clock
        self._timestamps = timestamps
        self._faults = faults

    def posted(self, channel: JsonObject, show: Show) -> None:
        """Someone, perhaps the bot itself, posted."""
        viewer = self._viewer(channel)
        if viewer is None:
            return
        message = show(viewer)
        event = {**message, "channel": channel["id"], "event_ts": message["ts"]}
        if message.get("files") and "bot_id" not in message:
            event.setdefault("subtype", "file_share")
        self._message(viewer, channel, event)
        self._mention(channel, show)

    def changed(self, channel: JsonObject, show: Show, previous: Show) -> None:
        """A message was edited; one that mentions the bot is a mention again."""
        viewer = self._viewer(channel)
        if viewer is None:
            return
        message, before = show(viewer), previous(viewer)
        self._message(
            viewer,
            channel,
            {
                "type": "message",
                "subtype": "message_changed",
                "message": message,
                **self._before(before),
                "channel": channel["id"],
                "hidden": True,
                **self._times(),
            },
        )
        if message["text"] != before["text"]:
            self._mention(channel, show)

    def deleted(self, channel: JsonObject, show: Show) -> None:
        """A message is gone."""
        viewer = self._viewer(channel)
        if viewer is None:
            return
        previous = show(viewer)
        self._message(
            viewer,
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
        self._in_channel(channel, user, kind, event)

    def home_opened(
        self, user: str, bot: Installation, channel: JsonObject, tab: str, view: JsonObject | None
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
        # Of another company's people it names their own workspace (slackapi/bolt-js#1948).
        team = self._directory.team_of(user)
        is_foreign = self._perspective.is_foreign(bot, user)
        self._send("app_home_opened", bot, event, team, is_ext_shared=is_foreign)

    def archived(self, channel: JsonObject, user: str, *, archived: bool) -> None:
        """A channel was archived, or brought back."""
        kind = f"{directory.kind_of(channel)}_{'archive' if archived else 'unarchive'}"
        self._in_channel(channel, user, kind, self._about(channel, kind, user=user))

    def bot_left(self, channel: JsonObject, bot: Installation, user: str) -> None:
        """Someone removed the bot from a channel."""
        kind = f"{directory.kind_of(channel)}_left"
        self._about_channel(channel, bot, kind, self._about(channel, kind, actor_id=user))

    def bot_joined(self, channel: JsonObject, bot: Installation, user: str) -> None:
        """Someone added the bot to a channel."""
        event = self._about(channel, "member_joined_channel", user=bot.bot_user, inviter=user)
        team = self._tenants.home_of(bot, channel).id
        event |= {"channel_type": "G" if channel["is_private"] else "C", "team": team}
        self._about_channel(channel, bot, "member_joined_channel", event)

    def user_changed(self, user: JsonObject) -> None:
        """Someone's account is not what it was."""
        bot = self._tenants.of_team(user["team_id"])
        if bot is not None:
            event = {"type": "user_change", "user": user, "event_ts": self._timestamps.next()}
            self._send("user_change", bot, event, self._tenants.team(user["team_id"]))

    @property
    def wants_stops(self) -> bool:
        """Whether the app listens when someone asks it to stop."""
        return self._manifest.wants("agent_session_stopped")

    def session_stopped(
        self, channel: JsonObject, thread_ts: str, user: str, streams: list[str]
    ) -> None:
        """Someone asked the app to stop what it does in a thread."""
        kind = "agent_session_stopped"
        event = self._about(channel, kind, user=user, thread_ts=thread_ts)
        event["streaming_message_ts"] = streams
        self._in_channel(channel, user, kind, event)

    def uninstalled(self, bot: Installation) -> None:
        """The app was taken out of a workspace: its tokens are worth nothing any more."""
        tokens = {"oauth": [], "bot": [bot.bot_user]}
        for kind, more in (("tokens_revoked", {"tokens": tokens}), ("app_uninstalled", {})):
            event = {"type": kind, **more, "event_ts": self._timestamps.next()}
            team = None if bot.team_id is None else self._tenants.team(bot.team_id)
            self._send(kind, bot, event, team)

    def assistant_thread(
        self, kind: str, bot: Installation, channel: JsonObject, thread: JsonObject
    ) -> None:
        """Someone began a thread with the assistant, or looks at another channel beside it."""
        event = {"type": kind, "assistant_thread": thread, "event_ts": self._timestamps.next()}
        self._about_channel(channel, bot, kind, event)

    def _viewer(self, channel: JsonObject) -> Installation | None:
        """Return the installation that an event names: any one that sees it, whoever wrote it."""
        return next(iter(self._tenants.in_channel(channel)), None)

    def _about(self, channel: JsonObject, kind: str, **more: str) -> JsonObject:
        event_ts = self._timestamps.next()
        return {"type": kind, "channel": channel["id"], **more, "event_ts": event_ts}

    def _message(self, viewer: Installation, channel: JsonObject, event: JsonObject) -> None:
        kind = directory.kind_of(channel)
        # Events leave out what conversations.history says of another company's people.
        event = {key: value for key, value in event.items() if key not in _FOREIGN}
        event["channel_type"] = kind
        self._about_channel(channel, viewer, _SUBSCRIPTIONS[kind], event)

    def _mention(self, channel: JsonObject, show: Show) -> None:
        for bot in self._tenants.in_channel(channel):
            message = show(bot)
            is_meant = f"<@{bot.bot_user}>" in message["text"] and not channel["is_im"]
            if is_meant and self._tenants.of_bot(message.get("bot_id", "")) is None:
                event = self._as_mention(bot, channel, message)
                self._about_channel(channel, bot, "app_mention", event)

    def _as_mention(
        self, bot: Installation, channel: JsonObject, message: JsonObject
    ) -> JsonObject:
        event = {name: message[name] for name in (*_OF_MENTIONS, *_FOREIGN) if name in message}
        event |= {"type": "app_mention", "channel": channel["id"], "event_ts": message["ts"]}
        if "user_team" in message:
            event["team"] = self._tenants.home_of(bot, channel).id
        return event

    def _in_channel(
        self, channel: JsonObject, user: str, subscription: str, event: JsonObject
    ) -> None:
        viewer = self._viewer(channel)
        if viewer is not None:
            self._about_channel(channel, viewer, subscription, event)

    def _about_channel(
        self, channel: JsonObject, bot: Installation, subscription: str, event: JsonObject
    ) -> None:
        host, *_ = self._tenants.teams_of(channel)
        home = self._tenants.home_of(bot, channel)
        is_ext_shared = self._perspective.is_ext_shared(channel)
        self._send(subscription, bot, event, host, home, is_ext_shared=is_ext_shared)

    def _before(self, previous: JsonObject) -> JsonObject:
        return {} if self._faults.without_previous else {"previous_message": previous}

    def _times(self) -> dict[str, str]:
        ts = self._timestamps.next()
        return {"ts": ts, "event_ts": ts}

    def _send(
        self,
        subscription: str,
        bot: Installation,
        event: dict[str, Any],
        origin: Team | None,
        home: Team | None = None,
        *,
        is_ext_shared: bool = False,
    ) -> None:
        """Send an event to the app.

        `origin` is the workspace that hosts the channel, `home` the one through which the app is
        in it; they differ where another company hosts it (slackapi/java-slack-sdk#629).
        """
        if not self._manifest.wants(subscription) or not bot.is_active:
            return
        event_id = new_id("Ev")
        context, enterprise_id = home or origin, bot.enterprise_id
        if origin is not None:
            enterprise_id = origin.enterprise_id
        body = {
            "token": "local",
            "team_id": None if origin is None else origin.id,
            **({"enterprise_id": enterprise_id} if enterprise_id else {}),
            "context_team_id": bot.team_id or (context and context.id),
            "context_enterprise_id": bot.enterprise_id,
            "api_app_id": seed.APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(self._clock()),
            "authorizations": [
                {
                    "enterprise_id": bot.enterprise_id,
                    "team_id": bot.team_id,
                    "user_id": bot.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": bot.is_org,
                }
            ],
            "is_ext_shared_channel": is_ext_shared,
            "event_context": f"4-{event_id}",
        }
        self._delivery.publish(event_id, body)
