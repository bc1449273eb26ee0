"""api.test, auth.test, auth.revoke, apps.connections.open, bots.info, team.info: who is who"""

from __future__ import annotations

from bot.localslack import seed
from bot.localslack.errors import ApiError
from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import CONNECT, SPECIAL, TIER_3, TIER_4
from bot.localslack.storage import JsonObject


def api_test(call: ApiCall) -> JsonObject:
    """api.test"""
    if call.optional("error"):
        raise ApiError(call.required("error"))
    return {"args": call.arguments}


def auth_test(call: ApiCall) -> JsonObject:
    """auth.test"""
    return {
        "url": f"{call.workspace.base_url}/",
        "team": call.workspace.directory.team["name"],
        "user": _bot(call)["name"],
        "team_id": seed.TEAM_ID,
        "user_id": seed.BOT_USER,
        "bot_id": seed.BOT_ID,
        "is_enterprise_install": False,
    }


def revoke(call: ApiCall) -> JsonObject:
    """auth.revoke: the app takes itself out of the workspace"""
    if not call.flag("test"):
        call.workspace.administration.revoke()
    return {"revoked": not call.flag("test")}


def open_connection(call: ApiCall) -> JsonObject:
    """apps.connections.open"""
    base = call.workspace.base_url.replace("http", "ws", 1)
    return {"url": f"{base}/link/?ticket={call.workspace.sockets.issue_ticket()}"}


def bot_info(call: ApiCall) -> JsonObject:
    """bots.info"""
    wanted = call.optional("bot") or seed.BOT_ID
    for user in call.workspace.directory.users():
        ids = user["profile"]
        if ids.get("bot_id") == wanted:
            return {
                "bot": seed.bot_profile(wanted, ids["api_app_id"], user["id"], user["real_name"])
            }
    raise ApiError("bot_not_found")


def team_info(call: ApiCall) -> JsonObject:
    """team.info"""
    team, url = call.workspace.directory.team, f"{call.workspace.base_url}/"
    icon = {f"image_{size}": f"{url}static/icon.svg" for size in (34, 44, 68, 88, 102, 132, 230)}
    shown = {"email_domain": "", "url": url, "avatar_base_url": url, "is_verified": False}
    return {"team": {**team, **shown, "icon": {**icon, "image_default": True}}}


def _bot(call: ApiCall) -> JsonObject:
    bot = call.workspace.directory.user(seed.BOT_USER)
    assert bot is not None, "the bot is there from the start"
    return bot


METHODS = (
    Method("api.test", api_test, TIER_4, token=None),
    Method("auth.test", auth_test, SPECIAL),
    Method("auth.revoke", revoke, TIER_3),
    Method("apps.connections.open", open_connection, CONNECT, token=seed.APP_TOKEN),
    Method("bots.info", bot_info, TIER_3, ("users:read",)),
    Method("team.info", team_info, TIER_3, ("team:read",)),
)
