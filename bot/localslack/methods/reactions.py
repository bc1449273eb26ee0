"""reactions.*: emoji under messages"""

from __future__ import annotations

import re

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_2, TIER_3
from bot.localslack.storage import JsonObject, StoredMessage


def add(call: ApiCall) -> JsonObject:
    """reactions.add"""
    channel, message, name = _reaction(call)
    if _reacted(call, message, name):
        raise ApiError("already_reacted")
    call.workspace.messages.react(channel, message, call.bot.bot_user, name)
    return {}


def remove(call: ApiCall) -> JsonObject:
    """reactions.remove"""
    channel, message, name = _reaction(call)
    if not _reacted(call, message, name):
        raise ApiError("no_reaction")
    call.workspace.messages.react(channel, message, call.bot.bot_user, name)
    return {}


def get(call: ApiCall) -> JsonObject:
    """reactions.get"""
    channel = call.channel(outside="channel_not_found")
    message = call.message(channel, call.required("timestamp"))
    shown = call.shown(message)
    return {"type": "message", "channel": channel["id"], "message": shown}


def _reaction(call: ApiCall) -> tuple[JsonObject, StoredMessage, str]:
    name = call.required("name")
    if not re.fullmatch(r"[a-z0-9_+'-]+", name):
        raise ApiError("invalid_name")
    if call.optional("timestamp") is None:
        raise ApiError("no_item_specified")
    channel = call.channel(outside="channel_not_found")
    return channel, call.message(channel, call.required("timestamp")), name


def _reacted(call: ApiCall, message: StoredMessage, name: str) -> bool:
    return any(
        reaction["name"] == name and call.bot.bot_user in reaction["users"]
        for reaction in message.body.get("reactions", [])
    )


METHODS = (
    Method("reactions.add", add, TIER_3, ("reactions:write",)),
    Method("reactions.get", get, TIER_3, ("reactions:read",), json=False),
    Method("reactions.remove", remove, TIER_2, ("reactions:write",)),
)
