"""Finding in a thread what an earlier process posted before it died."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot import messages, streaming
from bot.messages import Attachment
from bot.view import RunView
from bot.web_client import patience
from orchestrator.store.tables import Message

_EVENT_TYPE = "orchestrator_message"
# Where Slack is asked once a minute, three pages are read before it is begun anew.
_PATIENCE_S = 180.0


def mark(intent: Message) -> dict[str, Any]:
    """The metadata by which the message is known again."""
    return {"event_type": _EVENT_TYPE, "event_payload": {"id": intent.id}}


async def find(client: AsyncWebClient, intent: Message, view: RunView) -> dict[str, Any] | None:
    """The message that was posted for `intent`, if one was.

    A draft of an answer counts, unless it is known to be one that cannot be edited.
    """
    is_answer = intent.key.startswith(messages.ANSWER) and intent.error is None
    with patience(_PATIENCE_S):
        async for posted in _posted_since(client, intent):
            metadata = posted.get("metadata") or {}
            is_it = metadata.get("event_payload", {}).get("id") == intent.id
            if is_it or (is_answer and streaming.is_begun(posted, view)):
                return dict(posted)
    return None


async def has_file(client: AsyncWebClient, intent: Message, wanted: Attachment) -> bool:
    """Whether the file was uploaded for `intent`."""
    with patience(_PATIENCE_S):
        async for posted in _posted_since(client, intent):
            files = posted.get("files", [])
            if any((f.get("name"), f.get("title")) == (wanted.name, wanted.title) for f in files):
                return True
    return False


async def _posted_since(client: AsyncWebClient, intent: Message) -> AsyncIterator[dict[str, Any]]:
    since = f"{intent.created_at.timestamp() - 60:.6f}"
    cursor: str | None = None
    while True:
        if intent.thread:
            page = await client.conversations_replies(
                channel=intent.channel,
                ts=intent.thread,
                oldest=since,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
            )
        else:
            page = await client.conversations_history(
                channel=intent.channel,
                oldest=since,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
            )
        for posted in page["messages"]:
            yield posted
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
