"""oauth.v2.access: the token that a code stands for"""

from __future__ import annotations

from bot.localslack.methods.base import ApiCall, Method
from bot.localslack.rates import SPECIAL
from bot.localslack.storage import JsonObject


def access(call: ApiCall) -> JsonObject:
    """oauth.v2.access"""
    client = call.optional("client_id") or "", call.optional("client_secret") or ""
    code, redirect_uri = call.optional("code") or "", call.optional("redirect_uri") or ""
    return call.workspace.oauth.exchange(client, code, redirect_uri)


METHODS = (Method("oauth.v2.access", access, SPECIAL, caller=None, json=False),)
