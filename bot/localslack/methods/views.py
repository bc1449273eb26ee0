"""views.*: modals and the Home tab"""

from __future__ import annotations

from typing import Any

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_4
from bot.localslack.storage import JsonObject
from bot.localslack.triggers import Trigger


def open_(call: ApiCall) -> JsonObject:
    """views.open"""
    view = _view(call)
    return {"view": call.workspace.views.open(call.bot, _trigger(call).user, view)}


def push(call: ApiCall) -> JsonObject:
    """views.push"""
    view = _view(call)
    trigger = _trigger(call)
    if trigger.view_id is None:
        raise ApiError("not_found", ["[ERROR] the trigger does not come from a modal"])
    return {"view": call.workspace.views.push(call.bot, trigger.user, view)}


def update(call: ApiCall) -> JsonObject:
    """views.update"""
    key = call.optional("view_id") or call.required("external_id")
    view, known = _view(call), call.optional("hash")
    return {"view": call.workspace.views.update(call.bot, key, view, known)}


def publish(call: ApiCall) -> JsonObject:
    """views.publish"""
    user = call.required("user_id")
    person = call.workspace.directory.user(user)
    if person is None or not call.workspace.tenants.knows(call.bot, person):
        raise ApiError("invalid_arguments", ["[ERROR] invalid user_id"])
    if not call.workspace.manifest.home_tab:
        raise ApiError("not_enabled")
    view, known = _view(call), call.optional("hash")
    return {"view": call.workspace.views.publish(call.bot, user, view, known)}


def _view(call: ApiCall) -> Any:
    view = call.json("view", "invalid_arguments")
    if view is None:
        raise ApiError("invalid_arguments", ["[ERROR] missing required field: view"])
    return view


def _trigger(call: ApiCall) -> Trigger:
    return call.workspace.triggers.exchange(call.bot, call.required("trigger_id"))


METHODS = (
    Method("views.open", open_, TIER_4),
    Method("views.push", push, TIER_4),
    Method("views.update", update, TIER_4),
    Method("views.publish", publish, TIER_4),
)
