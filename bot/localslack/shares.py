"""Messages as they are forwarded, or drawn below a message that links to them."""

from __future__ import annotations

import datetime as dt

from bot.localslack.files import Files
from bot.localslack.permalinks import permalink
from bot.localslack.storage import JsonObject, StoredMessage


def shared(
    message: StoredMessage, channel: JsonObject, author: JsonObject, files: Files, base_url: str
) -> JsonObject:
    """Return the attachment that a forwarded message becomes, with its author and files."""
    body = message.body
    address = permalink(base_url, message)
    found = [files.find(file_id) for file_id in body.get("file_ids", [])]
    attachment = {
        "id": 1,
        "ts": message.ts,
        "from_url": address,
        "original_url": address,
        "channel_id": message.channel,
        "channel_team": body["team"],
        "is_msg_unfurl": True,
        "is_share": True,
        "message_blocks": _blocks(message),
        "text": body["text"],
        "fallback": f"[{_when(message.ts)}] {author['name']}: {body['text']}",
        "mrkdwn_in": ["text"],
        "color": "D0D0D0",
        "footer": _footer(message, channel),
        "files": [files.shown(file) for file in found if file is not None] or None,
        **_author(author, base_url),
    }
    return {name: value for name, value in attachment.items() if value is not None}


def _author(author: JsonObject, base_url: str) -> JsonObject:
    return {
        "author_id": author["id"],
        "author_name": author["real_name"],
        "author_subname": author["profile"]["display_name"],
        "author_link": f"{base_url}/team/{author['id']}",
        "author_icon": author["profile"]["image_48"],
    }


def _blocks(message: StoredMessage) -> list[JsonObject] | None:
    blocks = message.body.get("blocks")
    if not blocks:
        return None
    place = {"team": message.body["team"], "channel": message.channel, "ts": message.ts}
    return [{**place, "message": {"blocks": blocks}}]


def _footer(message: StoredMessage, channel: JsonObject) -> str:
    where = "Direct message" if channel["is_im"] else f"Posted in #{channel['name']}"
    is_reply = message.thread_ts not in (None, message.ts)
    return where.replace("Posted in", "Thread in") if is_reply else where


def _when(ts: str) -> str:
    return dt.datetime.fromtimestamp(float(ts), dt.UTC).strftime("%B %d, %Y %I:%M %p")
