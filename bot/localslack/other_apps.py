"""Other apps of the workspace: alerts, workflows, and programs that act for a person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bot.localslack import limits, seed
from bot.localslack.controls import with_ids
from bot.localslack.errors import ApiError, PersonError
from bot.localslack.messages import Messages
from bot.localslack.storage import JsonObject, Storage, StoredMessage

WORKFLOWS = "Workflow Builder"


@dataclass(frozen=True, slots=True)
class OtherApp:
    """An app that is not the one under test; its ids follow from its name."""

    name: str

    @property
    def app_id(self) -> str:
        """Id of the app."""
        return f"A0{self._digest}"

    @property
    def bot_id(self) -> str:
        """Id of its bot, which every message of the app carries."""
        return f"B0{self._digest}"

    @property
    def user_id(self) -> str:
        """Id of its bot as a member of the workspace."""
        return f"U0{self._digest}"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()[:9].upper()

    def marks(self) -> JsonObject:
        """Return what marks a message as this app's."""
        profile = seed.bot_profile(self.bot_id, self.app_id, self.user_id, self.name)
        return {"bot_id": self.bot_id, "app_id": self.app_id, "bot_profile": profile}


class OtherApps:
    """Posts what other apps post. Everything raises `PersonError` where Slack would refuse."""

    def __init__(self, storage: Storage, messages: Messages):
        self._storage = storage
        self._messages = messages

    def named(self, name: str) -> OtherApp:
        """Return the app of that name, which is a member of the workspace from now on."""
        app = OtherApp(name)
        if self._storage.get("user", app.user_id) is None:
            member = seed.app_user(app.user_id, app.bot_id, app.app_id, name)
            self._storage.put("user", app.user_id, member)
        return app

    def post(
        self, name: str, channel: JsonObject, content: JsonObject, thread_ts: str | None = None
    ) -> StoredMessage:
        """Post as the bot of an app, the way apps of today do."""
        app = self.named(name)
        body = {"user": app.user_id, **app.marks(), **_checked(content)}
        return self._messages.post(channel, body, thread_ts=thread_ts)

    def post_by_webhook(
        self, name: str, channel: JsonObject, content: JsonObject, thread_ts: str | None = None
    ) -> StoredMessage:
        """Post as incoming webhooks and workflows do: a `bot_message`, which no user wrote."""
        marks = {"subtype": "bot_message", "username": name, **self.named(name).marks()}
        body = {**marks, **_checked(content)}
        return self._messages.post(channel, body, thread_ts=thread_ts)


def _checked(content: JsonObject) -> JsonObject:
    blocks, attachments = content.get("blocks"), content.get("attachments")
    text = limits.cut_text(content.get("text") or "")
    try:
        limits.check_message(text, blocks, attachments)
    except ApiError as error:
        raise PersonError(error.code, "; ".join(error.problems) or error.code) from error
    numbered = [_numbered(at, attachment) for at, attachment in enumerate(attachments or [], 1)]
    return {"text": text, "blocks": blocks, "attachments": numbered or None}


def _numbered(at: int, attachment: JsonObject) -> JsonObject:
    blocks = attachment.get("blocks")
    return {"id": at, **attachment, **({"blocks": with_ids(blocks, [])} if blocks else {})}
