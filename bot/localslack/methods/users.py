"""users.* and usergroups.*: the people"""

from __future__ import annotations

import datetime as dt
import zoneinfo

from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import TIER_2, TIER_3, TIER_4
from bot.localslack.storage import JsonObject


def info(call: ApiCall) -> JsonObject:
    """users.info"""
    user = call.workspace.directory.user(call.required("user"))
    if user is None or not call.workspace.tenants.knows(call.bot, user):
        raise ApiError("user_not_found")
    # Slack knows a person's language; nobody here chose one.
    locale = {"locale": "en-US"} if call.flag("include_locale") else {}
    return {"user": {**_shown(call, user), **locale}}


def listed(call: ApiCall) -> JsonObject:
    """users.list"""
    members = call.workspace.directory.members(call.team)
    users, cursor = call.page([_shown(call, user) for user in members], call.limit(1000))
    return {
        "members": users,
        "cache_ts": int(call.workspace.clock()),
        "response_metadata": {"next_cursor": cursor},
    }


def by_email(call: ApiCall) -> JsonObject:
    """users.lookupByEmail"""
    wanted = call.required("email").casefold()
    for user in call.workspace.directory.users():
        is_wanted = user["profile"].get("email") == wanted and not user["deleted"]
        if is_wanted and not call.workspace.tenants.is_foreign(call.bot, user):
            return {"user": _shown(call, user)}
    raise ApiError("users_not_found")


def groups(call: ApiCall) -> JsonObject:
    """usergroups.list"""
    found = call.workspace.directory.usergroups(call.team)
    if not call.flag("include_users"):
        found = [{k: v for k, v in group.items() if k != "users"} for group in found]
    return {"usergroups": found}


def group_users(call: ApiCall) -> JsonObject:
    """usergroups.users.list"""
    wanted = call.required("usergroup")
    for group in call.workspace.directory.usergroups(call.team):
        if group["id"] == wanted:
            return {"users": group["users"]}
    raise ApiError("no_such_subteam")


def _shown(call: ApiCall, user: JsonObject) -> JsonObject:
    offset = dt.datetime.now(zoneinfo.ZoneInfo(user["tz"])).utcoffset()
    assert offset is not None, "a zone has an offset"
    shown = call.workspace.perspective.user(call.bot, user)
    return {**shown, "tz_label": user["tz"], "tz_offset": int(offset.total_seconds())}


METHODS = (
    Method("users.info", info, TIER_4, ("users:read",), json=False),
    Method("users.list", listed, TIER_2, ("users:read",), json=False),
    Method("users.lookupByEmail", by_email, TIER_3, ("users:read.email",), json=False),
    Method("usergroups.list", groups, TIER_2, ("usergroups:read",), json=False),
    Method("usergroups.users.list", group_users, TIER_2, ("usergroups:read",), json=False),
)
