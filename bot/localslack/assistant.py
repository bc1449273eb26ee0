"""Threads with an assistant: what Slack opens when a person begins one in an app's messages.

https://docs.slack.dev/ai/developing-agents
"""

from __future__ import annotations

from bot.localslack.directory import Directory
from bot.localslack.errors import PersonError
from bot.localslack.events import Events
from bot.localslack.manifest import Manifest
from bot.localslack.messages import Messages
from bot.localslack.storage import JsonObject, StoredMessage
from bot.localslack.tenants import Installation

_TITLE = "New Assistant Thread"


class Assistant:
    """Begins such threads, and says what the person looks at beside them."""

    def __init__(
        self, directory: Directory, messages: Messages, events: Events, manifest: Manifest
    ):
        self._directory = directory
        self._messages = messages
        self._events = events
        self._manifest = manifest

    def answers_in(self, channel: JsonObject) -> bool:
        """Return whether all that a person says there is said in such threads."""
        return bool(channel["is_im"]) and self._manifest.is_assistant

    def start(self, user: str, bot: Installation, viewing: str | None = None) -> StoredMessage:
        """Begin a thread, `viewing` a channel or none. Return its first message.

        Raises `PersonError`.
        """
        channel = self._directory.direct_message(user, bot.bot_user)
        if channel is None:
            raise PersonError("app_not_found", "There is no such app for you.", 404)
        context = self._context(user, viewing)
        thread = {"title": _TITLE, "title_blocks": [], "artifacts": []}
        body = {"subtype": "assistant_app_thread", "text": _TITLE, "assistant_app_thread": thread}
        root = self._messages.post(channel, {**bot.author, **body}, is_told=False)
        self._tell("assistant_thread_started", user, bot, channel, root.ts, context)
        return root

    def look_at(
        self, user: str, bot: Installation, channel: JsonObject, thread_ts: str, viewing: str
    ) -> None:
        """Say that the person looks at another channel beside the thread. Raises `PersonError`."""
        context = self._context(user, viewing)
        kind = "assistant_thread_context_changed"
        self._tell(kind, user, bot, channel, thread_ts, context)

    def _context(self, user: str, viewing: str | None) -> JsonObject:
        if viewing is None:
            # Seen without any id: slackapi/bolt-js#2579.
            return {"force_search": False}
        channel, team = (
            self._directory.visible_channel(user, viewing),
            self._directory.team_of(user),
        )
        known = {"channel_id": channel["id"], "team_id": team.id}
        return {**known, "enterprise_id": team.enterprise_id}

    def _tell(
        self,
        kind: str,
        user: str,
        bot: Installation,
        channel: JsonObject,
        thread_ts: str,
        context: JsonObject,
    ) -> None:
        thread = {"user_id": user, "context": context, "channel_id": channel["id"]}
        self._events.assistant_thread(kind, bot, channel, {**thread, "thread_ts": thread_ts})
