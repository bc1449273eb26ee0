"""api.test, auth.test, auth.revoke, apps.connections.open, bots.info, team.info: who is who"""

from __future__ import annotations

from dataclasses import asdict

from bot.localslack import seed
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import SPECIAL, TIER_3, TIER_4
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Team


def api_test(call: ApiCall) -> JsonObject:
    """api.test"""
    if call.optional("error"):
        raise ApiError(call.required("error"))
    return {"args": call.arguments}


def auth_test(call: ApiCall) -> JsonObject:
    """auth.test"""
    return {
        "url": f"{call.workspace.base_url}/",
        **_company(call),
        "user": _bot(call)["name"],
        "user_id": call.bot.bot_user,
        "bot_id": call.bot.bot_id,
        "is_enterprise_install": call.bot.is_org,
    }


def _company(call: ApiCall) -> JsonObject:
    """Name the workspace or, for the token of an organisation, the organisation."""
    enterprise_id, tenants = call.bot.enterprise_id, call.workspace.tenants
    known = {} if enterprise_id is None else {"enterprise_id": enterprise_id}
    if call.bot.team_id is not None:
        return {"team": tenants.team(call.bot.team_id).name, "team_id": call.bot.team_id, **known}
    assert enterprise_id is not None, "what is not a workspace's is an organisation's"
    return {"team": tenants.organisation(enterprise_id).name, "team_id": enterprise_id, **known}


def revoke(call: ApiCall) -> JsonObject:
    """auth.revoke: the app takes itself out of the workspace"""
    if not call.flag("test"):
        call.workspace.administration.revoke(call.bot)
    return {"revoked": not call.flag("test")}


def open_connection(call: ApiCall) -> JsonObject:
    """apps.connections.open"""
    base = call.workspace.base_url.replace("http", "ws", 1)
    return {"url": f"{base}/link/?ticket={call.workspace.sockets.issue_ticket()}"}


def bot_info(call: ApiCall) -> JsonObject:
    """bots.info"""
    wanted = call.optional("bot") or call.bot.bot_id
    for user in call.workspace.directory.users():
        ids = user["profile"]
        if ids.get("bot_id") == wanted and call.workspace.tenants.knows(call.bot, user):
            known = wanted, ids["api_app_id"], user["id"], user["real_name"]
            return {"bot": seed.bot_profile(*known, team_id=user["team_id"])}
    raise ApiError("bot_not_found")


def team_info(call: ApiCall) -> JsonObject:
    """team.info"""
    team, url = asdict(_team(call)), f"{call.workspace.base_url}/"
    icon = {f"image_{size}": f"{url}static/icon.svg" for size in (34, 44, 68, 88, 102, 132, 230)}
    shown = {"email_domain": "", "url": url, "avatar_base_url": url, "is_verified": False}
    return {"team": {**team, **shown, "icon": {**icon, "image_default": True}}}


def _team(call: ApiCall) -> Team:
    wanted = call.optional("team")
    if wanted is None:
        return call.team
    team = call.workspace.tenants.find_team(wanted)
    if team is None or not call.bot.covers(team):
        raise ApiError("team_not_found")
    return team


def _bot(call: ApiCall) -> JsonObject:
    bot = call.workspace.directory.user(call.bot.bot_user)
    assert bot is not None, "a bot has an account"
    return bot


METHODS = (
    Method("api.test", api_test, TIER_4, caller=None),
    Method("auth.test", auth_test, SPECIAL),
    Method("auth.revoke", revoke, TIER_3, json=False),
    Method("apps.connections.open", open_connection, TIER_3, caller="app"),
    Method("bots.info", bot_info, TIER_3, ("users:read",), json=False),
    Method("team.info", team_info, TIER_3, ("team:read",)),
)
