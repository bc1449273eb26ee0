"""assistant.threads.setStatus, agents.sessions.setStatus: what the bot is doing right now"""

from __future__ import annotations

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import SPECIAL
from bot.localslack.storage import JsonObject

_SESSION = ("active", "processing", "suspended", "closed")
_WRITE = ("assistant:write", "chat:write")


def set_thread_status(call: ApiCall) -> JsonObject:
    """assistant.threads.setStatus"""
    channel = call.channel(name="channel_id")
    if not call.workspace.messages.thread(channel, call.required("thread_ts")):
        raise ApiError("invalid_thread_ts")
    return {}


def set_session_status(call: ApiCall) -> JsonObject:
    """agents.sessions.setStatus"""
    if call.required("status") not in _SESSION:
        raise ApiError("invalid_arguments", ["[ERROR] unknown status"])
    return {}


METHODS = (
    Method("assistant.threads.setStatus", set_thread_status, SPECIAL, _WRITE),
    Method("agents.sessions.setStatus", set_session_status, SPECIAL, _WRITE),
)
