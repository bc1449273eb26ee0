"""chat.*: posting, changing and deleting messages."""

from __future__ import annotations

from typing import Any

from bot.localslack import limits
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.permalinks import permalink
from bot.localslack.rates import POST, SPECIAL, TIER_3, TIER_4
from bot.localslack.storage import JsonObject, StoredMessage

_BLOCKS = "invalid_blocks_format"


def post_message(call: ApiCall) -> JsonObject:
    """chat.postMessage"""
    channel = call.postable_channel()
    body = _content(call, too_long="msg_blocks_too_long")
    parent = _parent(call, channel)
    if parent is not None and _is_reply(parent):
        raise ApiError("cannot_reply_to_message")
    thread_ts = None if parent is None else parent.ts
    metadata = call.json("metadata", "invalid_metadata_format")
    limits.check_metadata(metadata)
    message = call.workspace.messages.post(
        channel,
        {**call.bot.author, **_name(call), **body, **({"metadata": metadata} if metadata else {})},
        thread_ts=thread_ts,
        broadcast=bool(thread_ts) and call.flag("reply_broadcast"),
    )
    if thread_ts:
        call.workspace.sessions.say(channel, thread_ts, "")
    return {
        "channel": channel["id"],
        "ts": message.ts,
        "message": call.shown(message, metadata=True),
    }


def post_ephemeral(call: ApiCall) -> JsonObject:
    """chat.postEphemeral"""
    channel = call.writable_channel()
    user = call.required("user")
    if user not in call.workspace.directory.active_members(channel):
        raise ApiError("user_not_in_channel")
    body = {**call.bot.author, **_content(call)}
    parent = _parent(call, channel)
    # The time of a reply stands for the thread it is in.
    thread_ts = None if parent is None else parent.thread_ts or parent.ts
    message = call.workspace.messages.post_ephemeral(channel, user, body, thread_ts=thread_ts)
    return {"message_ts": message.ts}


def update(call: ApiCall) -> JsonObject:
    """chat.update"""
    channel = call.writable_channel(outside="channel_not_found", archived="is_inactive")
    message = call.own_message(channel, call.required("ts"), "cant_update_message")
    if message.body.get("streaming"):
        raise ApiError("streaming_state_conflict")
    limits.check_updated_text(call.optional("text") or "")
    # What is not given is taken away: a text alone removes the blocks.
    body: JsonObject = {"text": "", "blocks": None, "attachments": None, **_content(call)}
    if "metadata" in call.arguments:
        metadata = call.json("metadata", "invalid_metadata_format")
        limits.check_metadata(metadata)
        body["metadata"] = metadata or None
    changed = call.workspace.messages.edit(channel, message, call.bot.bot_user, body)
    shown = call.message(channel, message.ts)
    return {
        "channel": channel["id"],
        "ts": message.ts,
        "text": changed["text"],
        "message": call.shown(shown, metadata=True),
    }


def delete(call: ApiCall) -> JsonObject:
    """chat.delete"""
    channel = call.channel(outside="channel_not_found")
    message = call.own_message(channel, call.required("ts"), "cant_delete_message")
    call.workspace.messages.delete(channel, message)
    return {"channel": channel["id"], "ts": message.ts}


def get_permalink(call: ApiCall) -> JsonObject:
    """chat.getPermalink"""
    channel = call.seen_channel()
    message = call.message(channel, call.required("message_ts"))
    return {"channel": channel["id"], "permalink": permalink(call.workspace.base_url, message)}


def _content(call: ApiCall, too_long: str = "msg_too_long") -> JsonObject:
    text = limits.cut_text(call.optional("text") or "")
    blocks = call.objects("blocks", _BLOCKS)
    attachments = call.objects("attachments", "invalid_attachments")
    markdown = call.optional("markdown_text")
    if markdown is not None:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > 12_000:
            raise ApiError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    limits.check_message(text, blocks, attachments, too_long)
    content: dict[str, Any] = {"text": text or markdown or "This content can't be displayed."}
    if blocks:
        content["blocks"] = blocks
    if attachments:
        content["attachments"] = attachments
    return content


def _name(call: ApiCall) -> JsonObject:
    username = call.optional("username")
    if username is None:
        return {}
    call.needs("chat:write.customize")
    return {"username": username}


def _parent(call: ApiCall, channel: JsonObject) -> StoredMessage | None:
    thread_ts = call.optional("thread_ts")
    if thread_ts is None:
        return None
    parent = call.workspace.messages.find(channel, thread_ts)
    if parent is None:
        raise ApiError("thread_not_found")
    return parent


def _is_reply(message: StoredMessage) -> bool:
    return message.thread_ts is not None and message.thread_ts != message.ts


_WRITE = ("chat:write",)
METHODS = (
    Method("chat.postMessage", post_message, POST, _WRITE),
    Method("chat.postEphemeral", post_ephemeral, TIER_4, _WRITE),
    Method("chat.update", update, TIER_3, _WRITE),
    Method("chat.delete", delete, TIER_3, _WRITE),
    Method("chat.getPermalink", get_permalink, SPECIAL, json=False),
)
