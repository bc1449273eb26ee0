"""Add to Slack: the page on which a person lets the app in, and the code it brings back.

https://docs.slack.dev/authentication/installing-with-oauth
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bot.localslack import seed
from bot.localslack.companies import Companies
from bot.localslack.directory import Directory
from bot.localslack.errors import ApiError, PersonError
from bot.localslack.ids import Clock
from bot.localslack.manifest import Manifest
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Organisation, Team, Tenants

LIFE_S = 600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks for: `scopes` for its bot, and the address to come back to."""

    client_id: str
    scopes: str = ""
    state: str = ""
    redirect_uri: str = ""


@dataclass(frozen=True, slots=True)
class _Grant:
    wish: Wish
    where: Team | Organisation
    user: str
    made: float


class OAuth:
    """Hands out codes to those who let the app in, and exchanges each once."""

    def __init__(
        self,
        tenants: Tenants,
        directory: Directory,
        companies: Companies,
        manifest: Manifest,
        clock: Clock,
    ):
        self._tenants = tenants
        self._directory = directory
        self._companies = companies
        self._manifest = manifest
        self._clock = clock
        self._grants: dict[str, _Grant] = {}

    def check(self, wish: Wish) -> None:
        """Raise `ApiError` where Slack would not ask anybody for that."""
        if wish.client_id != seed.CLIENT_ID:
            raise ApiError("invalid_client_id")
        if not wish.scopes:
            raise ApiError("no_scopes")
        declared = self._manifest.redirect_urls
        address = wish.redirect_uri or next(iter(declared), "")
        is_known = not declared or any(address.startswith(known) for known in declared)
        if not is_known or urlsplit(address).scheme not in ("http", "https"):
            raise ApiError("bad_redirect_uri")

    def allow(self, wish: Wish, user: str, *, org: bool) -> str:
        """Let the app into a person's workspace, or all of their organisation's.

        Return the address that leads back to the app. Raises `ApiError` and `PersonError`.
        """
        self.check(wish)
        where = self._organisation(user) if org else self._directory.team_of(user)
        code = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**13)}.{secrets.token_hex(32)}"
        self._grants[code] = _Grant(wish, where, user, self._clock())
        return self._back(wish, code=code)

    def cancel(self, wish: Wish) -> str:
        """Return the address that tells the app that it was refused. Raises `ApiError`."""
        self.check(wish)
        return self._back(wish, error="access_denied")

    def exchange(self, client: tuple[str, str], code: str, redirect_uri: str) -> JsonObject:
        """Install the app for a code. Return the answer of oauth.v2.access. Raises `ApiError`."""
        client_id, client_secret = client
        if client_id != seed.CLIENT_ID:
            raise ApiError("invalid_client_id")
        if not secrets.compare_digest(client_secret.encode(), seed.CLIENT_SECRET.encode()):
            raise ApiError("bad_client_secret")
        grant = self._grants.pop(code, None)
        if grant is None or grant.made + LIFE_S < self._clock():
            raise ApiError("invalid_code")
        if redirect_uri != grant.wish.redirect_uri:
            raise ApiError("bad_redirect_uri")
        return self._answer(grant)

    def _answer(self, grant: _Grant) -> JsonObject:
        where = grant.where
        installation = self._companies.install(where)
        enterprise_id = installation.enterprise_id
        return {
            "app_id": seed.APP_ID,
            "authed_user": {"id": grant.user},
            "scope": grant.wish.scopes,
            "token_type": "bot",
            "access_token": installation.token,
            "bot_user_id": installation.bot_user,
            "team": {"id": where.id, "name": where.name} if isinstance(where, Team) else None,
            "enterprise": None if enterprise_id is None else self._enterprise(enterprise_id),
            "is_enterprise_install": installation.is_org,
        }

    def _enterprise(self, enterprise_id: str) -> JsonObject:
        return {"id": enterprise_id, "name": self._tenants.organisation(enterprise_id).name}

    def _organisation(self, user: str) -> Organisation:
        team = self._directory.team_of(user)
        if team.enterprise_id is None or not self._directory.person(user)["is_admin"]:
            raise PersonError("not_allowed", "Only admins install for an organisation.", 403)
        if not self._manifest.is_for_organisations:
            raise PersonError("not_allowed", "The app's manifest has no org_deploy_enabled.", 403)
        return self._tenants.organisation(team.enterprise_id)

    def _back(self, wish: Wish, **answer: str) -> str:
        address = wish.redirect_uri or next(iter(self._manifest.redirect_urls), "")
        known = {**answer, "state": wish.state}
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(known)}"
