"""agents.sessions.*, assistant.threads.*: what the bot is doing right now"""

from __future__ import annotations

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import SPECIAL, TIER_3
from bot.localslack.sessions import PROCESSING, STATES
from bot.localslack.storage import JsonObject

_MOST_TITLE = 200
_MOST_PROMPTS = 4
_ASSISTANT = ("assistant:write", "chat:write")
_NO_STOP = "missing_agent_session_stopped_event_subscription"


def set_thread_status(call: ApiCall) -> JsonObject:
    """assistant.threads.setStatus"""
    channel, thread_ts = _thread(call)
    call.workspace.sessions.say(channel, thread_ts, call.optional("status") or "")
    return {}


def set_thread_title(call: ApiCall) -> JsonObject:
    """assistant.threads.setTitle"""
    channel, thread_ts = _thread(call)
    call.workspace.sessions.rename(channel, thread_ts, call.required("title"))
    return {}


def set_prompts(call: ApiCall) -> JsonObject:
    """assistant.threads.setSuggestedPrompts"""
    call.channel(name="channel_id")
    prompts = call.objects("prompts", "invalid_arguments") or []
    if not 0 < len(prompts) <= _MOST_PROMPTS:
        raise ApiError("invalid_arguments", ["[ERROR] 1 to 4 prompts are allowed"])
    if any(set(prompt) != {"title", "message"} for prompt in prompts):
        raise ApiError("invalid_arguments", ["[ERROR] a prompt has a title and a message"])
    return {}


def set_session_status(call: ApiCall) -> JsonObject:
    """agents.sessions.setStatus"""
    state = call.required("status")
    if state not in STATES:
        raise ApiError("invalid_arguments", ["[ERROR] unknown status"])
    channel, thread_ts = _thread(call)
    title = _title(call.optional("title") or "")
    session = call.workspace.sessions.set_state(channel, thread_ts, state, title)
    answer = {"status": session.state, "agent_status": session.state, "title": session.title}
    if state == PROCESSING and not call.workspace.events.wants_stops:
        answer["warning"] = _NO_STOP
    return answer


def rename_session(call: ApiCall) -> JsonObject:
    """agents.sessions.rename"""
    channel, thread_ts = _thread(call)
    if not call.workspace.sessions.find(channel, thread_ts).state:
        raise ApiError("session_not_found")
    call.workspace.sessions.rename(channel, thread_ts, _title(call.required("title")))
    return {}


def _thread(call: ApiCall) -> tuple[JsonObject, str]:
    channel = call.channel(name="channel_id")
    thread_ts = call.required("thread_ts")
    if not call.workspace.messages.thread(channel, thread_ts):
        raise ApiError("invalid_thread_ts")
    return channel, thread_ts


def _title(title: str) -> str:
    if len(title) > _MOST_TITLE:
        raise ApiError("invalid_arguments", ["[ERROR] title is too long"])
    return title


METHODS = (
    Method("assistant.threads.setStatus", set_thread_status, SPECIAL, _ASSISTANT),
    Method("assistant.threads.setTitle", set_thread_title, SPECIAL, ("assistant:write",)),
    Method("assistant.threads.setSuggestedPrompts", set_prompts, SPECIAL, ("assistant:write",)),
    Method("agents.sessions.setStatus", set_session_status, TIER_3, _ASSISTANT),
    Method("agents.sessions.rename", rename_session, TIER_3, _ASSISTANT),
)
