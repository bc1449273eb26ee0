"""What a person sees in a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.localslack.controls import choices

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as this person sees it; `data` is all that is known of it."""

    data: JsonObject

    @property
    def channel(self) -> str:
        """The id of its channel."""
        return str(self.data["channel"])

    @property
    def ts(self) -> str:
        """Its time, which names it in its channel."""
        return str(self.data["ts"])

    @property
    def thread_ts(self) -> str | None:
        """The parent's time, where this is a reply."""
        return self.data.get("thread_ts")

    @property
    def user(self) -> str:
        """Who posted it; empty for webhooks and workflows."""
        return str(self.data.get("user", ""))

    @property
    def text(self) -> str:
        """Its text, which is only the fallback where there are blocks."""
        return str(self.data.get("text", ""))

    @property
    def blocks(self) -> list[JsonObject]:
        """Its blocks, as the bot sent them."""
        return list(self.data.get("blocks") or [])

    @property
    def attachments(self) -> list[JsonObject]:
        """Its attachments: what apps attach, forwarded messages, links as they are drawn."""
        return list(self.data.get("attachments") or [])

    @property
    def files(self) -> list[JsonObject]:
        """The files in it."""
        return list(self.data.get("files") or [])

    @property
    def is_ephemeral(self) -> bool:
        """Whether only this person sees it."""
        return bool(self.data.get("is_ephemeral"))

    @property
    def buttons(self) -> list[str]:
        """The labels that can be clicked, from the top."""
        return [choice.label for choice in choices(self.blocks)]

    @property
    def words(self) -> str:
        """Everything in it that can be read, the fallback text included."""
        return "\n".join([self.text, *readable(self.blocks), *readable(self.attachments)])


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of a channel, named by its parent."""

    channel: str
    ts: str


Place = str | Thread | Message
"""A channel by name or id, or a thread; a message stands for the thread it is in."""


def readable(value: Any) -> list[str]:
    """All strings of blocks that are shown as text, in order."""
    if isinstance(value, list):
        return [text for item in value for text in readable(item)]
    if not isinstance(value, dict):
        return []
    found = [value[key] for key in ("title", "text") if isinstance(value.get(key), str)]
    return found + [text for item in value.values() for text in readable(item)]
