"""chat.startStream, appendStream, stopStream: a message that grows while it is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bot.localslack import limits
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_2, TIER_4
from bot.localslack.storage import JsonObject, StoredMessage

LIFE_S = 300.0
MOST_BYTES = 10_600
_STATUSES = ("pending", "in_progress", "complete", "error")
_MODES = ("timeline", "plan")


@dataclass(frozen=True, slots=True)
class Written:
    """What a stream holds so far: text, tasks by id, and blocks at the end.

    In the mode `plan` the tasks are those of a plan, in `timeline` each is a card of its own.
    """

    text: str = ""
    title: str = ""
    tasks: dict[str, JsonObject] = field(default_factory=dict)
    blocks: list[JsonObject] = field(default_factory=list)
    mode: str = _MODES[0]

    def as_blocks(self) -> list[JsonObject]:
        """As a message shows it."""
        text = [{"type": "markdown", "text": self.text}] if self.text else []
        return [*self.task_blocks(), *text, *self.blocks]

    def task_blocks(self) -> list[JsonObject]:
        """Return the tasks alone, as a message shows them."""
        tasks = list(self.tasks.values())
        if not tasks or self.mode == "timeline":
            return tasks
        title = self.title or "Tasks"
        return [{"type": "plan", "block_id": "stream", "title": title, "tasks": tasks}]


def start(call: ApiCall) -> JsonObject:
    """chat.startStream"""
    channel = call.writable_channel()
    thread_ts = call.required("thread_ts")
    if call.workspace.messages.find(channel, thread_ts) is None:
        raise ApiError("thread_not_found")
    if not channel["is_im"]:
        _check_recipient(call)
    mode = call.optional("task_display_mode") or _MODES[0]
    if mode not in _MODES:
        raise ApiError("invalid_arguments", ["[ERROR] unknown task_display_mode"])
    written = _added(call, Written(mode=mode))
    _check(written)
    streaming = {"since": call.workspace.clock(), **asdict(written)}
    body = {**call.bot.author, "text": written.text, "streaming": streaming}
    if written.as_blocks():
        body["blocks"] = written.as_blocks()
    message = call.workspace.messages.post(channel, body, thread_ts=thread_ts)
    call.workspace.sessions.say(channel, thread_ts, "")
    return {"channel": channel["id"], "ts": message.ts}


def _check_recipient(call: ApiCall) -> None:
    """The reader's own workspace is meant, whichever one has the app."""
    user_id, team_id = call.optional("recipient_user_id"), call.optional("recipient_team_id")
    if user_id is None:
        raise ApiError("missing_recipient_user_id")
    if team_id is None:
        raise ApiError("missing_recipient_team_id")
    user = call.workspace.directory.user(user_id)
    if user is None or not call.workspace.tenants.knows(call.bot, user):
        raise ApiError("user_not_found")
    if team_id != user["team_id"]:
        raise ApiError("team_not_found")


def append(call: ApiCall) -> JsonObject:
    """chat.appendStream"""
    channel, message, before = _streaming(call)
    written = _added(call, before)
    if written == before:
        raise ApiError("no_text")
    _check(written)
    streaming = {"since": message.body["streaming"]["since"], **asdict(written)}
    changes = {"text": written.text, "blocks": written.as_blocks(), "streaming": streaming}
    call.workspace.messages.update(channel, message, changes)
    return {"channel": channel["id"], "ts": message.ts}


def stop(call: ApiCall) -> JsonObject:
    """chat.stopStream"""
    channel, message, before = _streaming(call)
    metadata = call.json("metadata", "invalid_metadata_format")
    limits.check_metadata(metadata)
    written = _added(call, before)
    last = call.objects("blocks", "invalid_blocks") or []
    written = replace(written, blocks=[*written.blocks, *last])
    _check(written)
    blocks = written.as_blocks()
    if not blocks:
        raise ApiError("no_text")
    limits.check_message_blocks(blocks)
    limits.check_length(blocks, "msg_blocks_too_long")
    changes: JsonObject = {"text": written.text, "blocks": blocks, "streaming": None}
    if metadata:
        changes["metadata"] = metadata
    call.workspace.messages.update(channel, message, changes)
    shown = call.shown(call.message(channel, message.ts))
    return {"channel": channel["id"], "ts": message.ts, "message": shown}


def _streaming(call: ApiCall) -> tuple[JsonObject, StoredMessage, Written]:
    channel = call.writable_channel()
    message = call.own_message(channel, call.required("ts"), "message_not_owned_by_app")
    streaming = dict(message.body.get("streaming") or {})
    # Slack ends a stream after five minutes, however busy it is.
    if not streaming or streaming.pop("since") + LIFE_S < call.workspace.clock():
        raise ApiError("message_not_in_streaming_state")
    return channel, message, Written(**streaming)


def _check(written: Written) -> None:
    if len(written.text.encode()) > MOST_BYTES:
        raise ApiError("msg_too_long")
    limits.check_message_blocks(written.task_blocks())


def _added(call: ApiCall, written: Written) -> Written:
    text = call.optional("markdown_text")
    chunks = call.objects("chunks", "invalid_chunks")
    if text is not None and chunks:
        raise ApiError("invalid_chunks", ["[ERROR] markdown_text and chunks exclude each other"])
    if text is not None:
        return replace(written, text=written.text + text)
    for chunk in chunks or []:
        written = _with_chunk(written, chunk)
    return written


def _with_chunk(written: Written, chunk: JsonObject) -> Written:
    match chunk:
        case {"type": "markdown_text", "text": str(text)}:
            return replace(written, text=written.text + text)
        case {"type": "plan_update", "title": str(title)}:
            return replace(written, title=title)
        case {"type": "task_update", "id": str(task_id), "title": str(), "status": str(status)}:
            if status in _STATUSES:
                before = written.tasks.get(task_id, {})
                return replace(written, tasks={**written.tasks, task_id: _task(before, chunk)})
        case {"type": "blocks", "blocks": list(blocks)}:
            return replace(written, blocks=[*written.blocks, *blocks])
    raise ApiError("invalid_chunks")


def _task(before: JsonObject, chunk: JsonObject) -> JsonObject:
    """A card; what the chunk does not say stays as it was."""
    card: JsonObject = {"type": "task_card", "task_id": chunk["id"]}
    card |= {"title": chunk["title"], "status": chunk["status"]}
    given = {name: _rich(chunk[name]) for name in ("details", "output") if chunk.get(name)}
    if chunk.get("sources"):
        given["sources"] = chunk["sources"]
    return {**before, **card, **given}


def _rich(text: Any) -> JsonObject:
    part = {"type": "text", "text": str(text)}
    section = {"type": "rich_text_section", "elements": [part]}
    return {"type": "rich_text", "elements": [section]}


_WRITE = ("chat:write",)
METHODS = (
    Method("chat.startStream", start, TIER_2, _WRITE),
    Method("chat.appendStream", append, TIER_4, _WRITE),
    Method("chat.stopStream", stop, TIER_2, _WRITE),
)
