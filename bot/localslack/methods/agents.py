"""agents.sessions.*, assistant.threads.*: what the bot is doing right now"""

from __future__ import annotations

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import SPECIAL, TIER_3, TIER_4
from bot.localslack.sessions import PROCESSING, STATES
from bot.localslack.storage import JsonObject

_MOST_TITLE = 200
_MOST_PROMPTS = 4
_ASSISTANT = ("assistant:write", "chat:write")
_NO_STOP = "missing_agent_session_stopped_event_subscription"


def set_thread_status(call: ApiCall) -> JsonObject:
    """assistant.threads.setStatus"""
    channel, thread_ts = _assistant_thread(call)
    call.workspace.sessions.say(channel, thread_ts, call.optional("status") or "")
    return {}


def set_thread_title(call: ApiCall) -> JsonObject:
    """assistant.threads.setTitle"""
    channel, thread_ts = _assistant_thread(call)
    call.workspace.sessions.rename(channel, thread_ts, call.required("title"))
    return {}


def set_prompts(call: ApiCall) -> JsonObject:
    """assistant.threads.setSuggestedPrompts"""
    channel = call.channel(name="channel_id", outside="channel_not_found")
    thread_ts = call.optional("thread_ts")
    if thread_ts is not None:
        _check_thread(call, channel, thread_ts)
    prompts = call.objects("prompts", "invalid_arguments") or []
    if not 0 < len(prompts) <= _MOST_PROMPTS:
        raise ApiError("invalid_arguments", ["[ERROR] 1 to 4 prompts are allowed"])
    if any(set(prompt) != {"title", "message"} for prompt in prompts):
        raise ApiError("invalid_arguments", ["[ERROR] a prompt has a title and a message"])
    call.workspace.sessions.suggest(channel, thread_ts or "", prompts)
    return {}


def set_session_status(call: ApiCall) -> JsonObject:
    """agents.sessions.setStatus"""
    state = call.required("status")
    if state not in STATES:
        raise ApiError("invalid_status")
    channel, thread_ts = _session_thread(call)
    if not call.workspace.messages.thread(channel, thread_ts):
        raise ApiError("invalid_arguments", ["[ERROR] there is no thread at thread_ts"])
    title = call.optional("title") or ""
    if len(title) > _MOST_TITLE:
        raise ApiError("invalid_arguments", ["[ERROR] title is too long"])
    session = call.workspace.sessions.set_state(channel, thread_ts, state, title)
    answer = {"status": session.state, "agent_status": session.state, "title": session.title}
    if state == PROCESSING and not call.workspace.events.wants_stops:
        answer["warning"] = _NO_STOP
    return answer


def rename_session(call: ApiCall) -> JsonObject:
    """agents.sessions.rename"""
    channel, thread_ts = _session_thread(call)
    if not call.workspace.sessions.find(channel, thread_ts).state:
        raise ApiError("session_not_found")
    title = call.required("title")
    if len(title) > _MOST_TITLE:
        raise ApiError("invalid_name")
    call.workspace.sessions.rename(channel, thread_ts, title)
    return {}


def _assistant_thread(call: ApiCall) -> tuple[JsonObject, str]:
    channel = call.channel(name="channel_id", outside="channel_not_found")
    thread_ts = call.required("thread_ts")
    _check_thread(call, channel, thread_ts)
    return channel, thread_ts


def _session_thread(call: ApiCall) -> tuple[JsonObject, str]:
    channel = call.channel(name="channel_id", outside="not_authorized")
    thread_ts = call.optional("thread_ts")
    if thread_ts is None:
        raise ApiError("thread_ts_required")
    return channel, thread_ts


def _check_thread(call: ApiCall, channel: JsonObject, thread_ts: str) -> None:
    if not call.workspace.messages.thread(channel, thread_ts):
        raise ApiError("invalid_thread_ts")


METHODS = (
    Method("assistant.threads.setStatus", set_thread_status, SPECIAL, _ASSISTANT),
    Method("assistant.threads.setTitle", set_thread_title, TIER_4, ("assistant:write",)),
    Method("assistant.threads.setSuggestedPrompts", set_prompts, TIER_4, ("assistant:write",)),
    Method("agents.sessions.setStatus", set_session_status, TIER_3, _ASSISTANT),
    Method("agents.sessions.rename", rename_session, TIER_3, _ASSISTANT),
)
