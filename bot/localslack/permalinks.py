"""Addresses of messages on the workspace's page."""

from __future__ import annotations

from bot.localslack.storage import StoredMessage


def permalink(base_url: str, message: StoredMessage) -> str:
    """Return the address of a message; a reply's address names its thread."""
    place = f"{base_url}/archives/{message.channel}/p{message.ts.replace('.', '')}"
    if message.thread_ts and message.thread_ts != message.ts:
        place += f"?thread_ts={message.thread_ts}&cid={message.channel}"
    return place
