"""chat.startStream, appendStream, stopStream: a message that grows while it is written."""

from __future__ import annotations

from bot.localslack import limits, seed
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_2, TIER_4
from bot.localslack.response_urls import by_the_bot
from bot.localslack.storage import JsonObject, StoredMessage

LIFE_S = 300.0
MOST_BYTES = 10_600


def start(call: ApiCall) -> JsonObject:
    """chat.startStream"""
    channel = call.writable_channel()
    thread_ts = call.required("thread_ts")
    if call.workspace.messages.find(channel, thread_ts) is None:
        raise ApiError("thread_not_found")
    if not channel["is_im"]:
        call.required("recipient_user_id")
        call.required("recipient_team_id")
    text = _added(call)
    body = {**by_the_bot(), "text": text, "streaming": call.workspace.clock()}
    if text:
        body["blocks"] = [{"type": "markdown", "text": text}]
    message = call.workspace.messages.post(channel, body, thread_ts=thread_ts)
    return {"channel": channel["id"], "ts": message.ts}


def append(call: ApiCall) -> JsonObject:
    """chat.appendStream"""
    channel, message = _streaming(call)
    text = _added(call)
    if not text:
        raise ApiError("no_text")
    _write(call, channel, message, {"text": message.body["text"] + text})
    return {"channel": channel["id"], "ts": message.ts}


def stop(call: ApiCall) -> JsonObject:
    """chat.stopStream"""
    channel, message = _streaming(call)
    blocks = call.objects("blocks", "invalid_blocks_format") or []
    metadata = call.json("metadata", "invalid_metadata_format")
    limits.check_metadata(metadata)
    text = message.body["text"] + _added(call)
    limits.check_message(text, blocks, None)
    _write(call, channel, message, {"text": text, "streaming": None}, blocks, metadata)
    shown = call.workspace.messages.for_api(call.message(channel, message.ts))
    return {"channel": channel["id"], "ts": message.ts, "message": shown}


def _streaming(call: ApiCall) -> tuple[JsonObject, StoredMessage]:
    channel = call.writable_channel()
    message = call.message(channel, call.required("ts"))
    if message.body.get("bot_id") != seed.BOT_ID:
        raise ApiError("message_not_owned_by_app")
    started = message.body.get("streaming")
    if started is None or started + LIFE_S < call.workspace.clock():
        raise ApiError("message_not_in_streaming_state")
    return channel, message


def _write(
    call: ApiCall,
    channel: JsonObject,
    message: StoredMessage,
    changes: JsonObject,
    blocks: list[JsonObject] | None = None,
    metadata: JsonObject | None = None,
) -> None:
    if len(changes["text"].encode()) > MOST_BYTES:
        raise ApiError("msg_too_long")
    written = [{"type": "markdown", "text": changes["text"]}] if changes["text"] else []
    changes = {**changes, "blocks": [*written, *(blocks or [])]}
    if metadata:
        changes["metadata"] = metadata
    call.workspace.messages.update(channel, message, changes)


def _added(call: ApiCall) -> str:
    text = call.optional("markdown_text")
    chunks = call.objects("chunks", "invalid_chunks")
    if text is not None and chunks:
        raise ApiError("markdown_text_conflict")
    if not chunks:
        return text or ""
    if any(chunk.get("type") != "markdown_text" for chunk in chunks):
        raise ApiError("invalid_chunks")
    return "".join(str(chunk.get("text", "")) for chunk in chunks)


_WRITE = ("chat:write",)
METHODS = (
    Method("chat.startStream", start, TIER_2, _WRITE),
    Method("chat.appendStream", append, TIER_4, _WRITE),
    Method("chat.stopStream", stop, TIER_2, _WRITE),
)
