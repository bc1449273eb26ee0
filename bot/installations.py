"""Where the bot is installed, and with which token it speaks there.

Tokens come from the settings (one workspace) or from the table that OAuth fills (many). Either
way a token is tried once, when it is first needed, however many events ask for it at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.incoming import Source, note_team, source_of
from bot.onlooker import Onlooker
from bot.refusals import CODES, Kind, kind_of
from bot.web_client import Budgets, WebClient
from orchestrator import teams
from orchestrator.errors import NotInstalled
from orchestrator.store.database import Database
from orchestrator.store.tables import Team

log = structlog.get_logger(__name__)

# How long a token is used before it is looked up again: another process may have changed it.
_GOOD_FOR_S = 300.0
_AT_ONCE = 8
_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Key:
    """Whose installation it is: a workspace's, or (without team) a whole organisation's."""

    enterprise_id: str | None
    team_id: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored; `since` is when the app was installed, in seconds of the epoch."""

    value: str
    since: float = 0.0


class Tokens(Protocol):
    """Where tokens come from."""

    def key(self, enterprise_id: str | None, team_id: str | None, *, is_org: bool) -> Key:
        """Whose token is good for what happens there."""

    async def keys(self) -> list[Key]:
        """Every installation there is."""

    async def find(self, key: Key) -> Token | None:
        """The token, if the app is installed."""

    async def delete(self, key: Key) -> None:
        """Forget the installation."""


class OneToken:
    """The one token of the settings, for the workspace (or organisation) it belongs to."""

    def __init__(self, value: str) -> None:
        self._token = Token(value)

    def key(self, enterprise_id: str | None, team_id: str | None, *, is_org: bool) -> Key:
        """The same for everything."""
        return _ONLY

    async def keys(self) -> list[Key]:
        """The one there is."""
        return [_ONLY]

    async def find(self, key: Key) -> Token | None:
        """The token."""
        return self._token

    async def delete(self, key: Key) -> None:
        """The settings stay as they are: the app may come back with the same token."""


_ONLY = Key(None, None)


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was tried, and who the bot is with it, until it is to be looked up again.

    `team_id` is under which everything of this installation is kept.
    """

    token: Token
    identity: AuthorizeResult
    team_id: str
    is_org: bool
    until: float

    def is_of(self, team_id: str) -> bool:
        return self.is_org or self.team_id == team_id


class Installations:
    """Gives everybody the client of a team, and Bolt the identity of the bot there.

    A team is what installed the app: a workspace, or an organisation for all of its workspaces.
    `client` has no token of its own; its connections are used for all teams. `on_left` is called
    with the id of a team that the app has been removed from.
    """

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        client: AsyncWebClient,
        on_left: Callable[[str], Awaitable[object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._client = client
        self._on_left = on_left
        self._clock = clock
        self._known: dict[Key, _Known] = {}
        self._looking: dict[Key, asyncio.Task[_Known | None]] = {}
        self._homes: dict[str, Key] = {}
        self._keys: dict[str, Key] = {}
        self._budgets = Budgets()
        self._bots: dict[str, Key] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        client.retry_handlers.append(_Watch(self._is_gone))

    def start(self) -> None:
        """Try every token, so that the first events need not wait, and see which are gone."""
        self._begin(self._try_all())

    async def close(self) -> None:
        """Finish the calls under way."""
        self._is_closing = True
        while under_way := {*self._tasks, *self._looking.values()}:
            await asyncio.gather(*under_way, return_exceptions=True)

    async def client(self, team_id: str) -> AsyncWebClient:
        """The client for a team. Raises NotInstalled, and SlackApiError for a token not tried."""
        return self._client_of((await self._of_team(team_id)).token)

    async def address(self, team_id: str) -> str:
        """Where the workspace is in the browser; empty where Slack did not say. Raises as
        `client`."""
        return (await self._of_team(team_id)).identity.url or ""

    async def _of_team(self, team_id: str) -> _Known:
        home = self._homes.get(team_id)
        for key in [home] if home else await self._keys_of(team_id):
            known = await self._find(key)
            if known is not None and known.is_of(team_id):
                self._homes[team_id] = key
                return known
        raise NotInstalled(f"The app is not installed in {team_id}.")

    async def authorize(self, source: Source) -> Authorized | None:
        """Return the installation that a payload is for; None where the app is not installed."""
        known = await self._addressed(source) or await self._of_source(source)
        if known is None:
            return None
        if known.is_org and source.workspace is not None:
            await self._note(source.workspace, known.team_id)
        return Authorized(known.team_id, known.identity, self._client_of(known.token))

    async def _addressed(self, source: Source) -> _Known | None:
        """Return the installation whose bot a payload is about, if it says so: of what several
        see, Slack names any one."""
        bots = [self._bots[user] for user in source.addressed if user in self._bots]
        return await self._find(bots[0]) if bots else None

    async def _of_source(self, source: Source) -> _Known | None:
        if source.team_id is None and source.enterprise_id is None:
            return None
        if source.enterprise_id is None:
            # Whoever submits a dialog may be of another organisation than the installation.
            return await self._of_team_if_known(source.team_id or "")
        key = self._tokens.key(source.enterprise_id, source.team_id, is_org=source.is_org)
        known = await self._find(key)
        if known is not None and (source.team_id is None or known.is_of(source.team_id)):
            return known
        return await self._of_team_if_known(source.team_id) if source.team_id else None

    async def _of_team_if_known(self, team_id: str) -> _Known | None:
        try:
            return await self._of_team(team_id)
        except NotInstalled:
            return None

    async def _note(self, workspace: str, enterprise_id: str) -> None:
        """Remember that an installation of the organisation covers this workspace."""
        key = self._tokens.key(enterprise_id, None, is_org=True)
        if self._homes.get(workspace) != key and workspace != enterprise_id:
            self._homes[workspace] = key
            await self._join(workspace, "", enterprise_id)

    async def installed(self, key: Key, name: str) -> None:
        """The app was installed, perhaps again, with a token that is stored now."""
        self._forget(key)
        if tenant := key.team_id or key.enterprise_id:
            await self._join(tenant, name, key.enterprise_id)
        log.info("installed", team=key.team_id, enterprise=key.enterprise_id)

    async def removed(self, source: Source, at: float) -> None:
        """The app was removed at `at`, in seconds of the epoch; nothing if it is back since."""
        key = self._tokens.key(source.enterprise_id, source.team_id, is_org=source.is_org)
        token = await self._tokens.find(key)
        if token is not None and token.since > at:
            return
        await self._remove(key, source.team_id or source.enterprise_id)

    # --- tokens -----------------------------------------------------------------------------

    async def _try_all(self) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def look(key: Key) -> None:
            async with places:
                if not self._is_closing:
                    await self._find(key)

        keys = await self._tokens.keys()
        found = await asyncio.gather(*(look(key) for key in keys), return_exceptions=True)
        for error in found:
            if isinstance(error, Exception):
                log.warning("token_not_tried", error=f"{type(error).__name__}: {error}"[:200])

    async def _find(self, key: Key) -> _Known | None:
        """What is known of the installation, looked up once however many ask."""
        known = self._known.get(key)
        if known is not None and known.until > self._clock():
            return known
        if key not in self._looking:
            task = self._looking[key] = asyncio.create_task(self._look(key))
            task.add_done_callback(lambda _: self._looking.pop(key, None))
        return await asyncio.shield(self._looking[key])

    async def _look(self, key: Key) -> _Known | None:
        token = await self._tokens.find(key)
        if token is None:
            self._forget(key)
            return None
        until = self._clock() + _GOOD_FOR_S
        known = self._known.get(key)
        if known is not None and known.token == token:
            self._known[key] = replace(known, until=until)
            return self._known[key]
        self._keys[token.value] = key
        known = await self._try(key, token, until)
        if known is not None:
            self._known[key] = known
        return known

    async def _try(self, key: Key, token: Token, until: float) -> _Known | None:
        try:
            answer = await self._client_of(token).auth_test()
        except SlackApiError as error:
            if kind_of(error) is Kind.REVOKED:
                return None
            raise
        identity = AuthorizeResult.from_auth_test_response(
            auth_test_response=answer,
            bot_token=token.value,
            bot_scopes=answer.headers.get("x-oauth-scopes"),
        )
        is_org = bool(answer.get("is_enterprise_install"))
        enterprise_id = identity.enterprise_id or key.enterprise_id
        team_id = (enterprise_id if is_org else identity.team_id) or ""
        await self._join(team_id, identity.team or "", enterprise_id)
        if identity.bot_user_id:
            self._bots[identity.bot_user_id] = key
        return _Known(token, identity, team_id, is_org, until)

    def _client_of(self, token: Token) -> AsyncWebClient:
        """Return a client over the shared connections."""
        return WebClient(
            self._budgets,
            token=token.value,
            base_url=self._client.base_url,
            session=self._client.session,
            retry_handlers=self._client.retry_handlers,
        )

    async def _keys_of(self, team_id: str) -> list[Key]:
        async with self._database.read() as session:
            team = await session.get(Team, team_id)
        enterprise_id = team.enterprise_id if team else None
        if team_id == enterprise_id:
            return [self._tokens.key(enterprise_id, None, is_org=True)]
        keys = [self._tokens.key(enterprise_id, team_id, is_org=False)]
        if enterprise_id is not None:
            keys.append(self._tokens.key(enterprise_id, None, is_org=True))
        return list(dict.fromkeys(keys))

    async def _join(self, team_id: str, name: str, enterprise_id: str | None) -> None:
        work = partial(teams.join, team_id=team_id, name=name, enterprise_id=enterprise_id)
        await self._database.write(work)

    # --- when it is gone --------------------------------------------------------------------

    def _is_gone(self, token: str) -> None:
        """Slack does not know the token any more."""
        key = self._keys.pop(token, None)
        if key is None:
            return
        known = self._known.get(key)
        team_id = known.team_id if known else key.team_id or key.enterprise_id
        self._begin(self._remove(key, team_id))

    async def _remove(self, key: Key, team_id: str | None) -> None:
        """Forget the token, and tell of every team that has lost the bot with it."""
        self._forget(key)
        await self._tokens.delete(key)
        for team in await self._covered_by(team_id) if team_id else ():
            self._homes.pop(team, None)
            await self._on_left(team)
            log.info("removed_from_team", team=team)

    async def _covered_by(self, team_id: str) -> list[str]:
        """Return the team; of an organisation also its workspaces, but for those with an
        installation of their own."""
        work = partial(teams.of_enterprise, enterprise_id=team_id)
        found = await self._database.write(work)
        own = {key.team_id for key in await self._tokens.keys()}
        return list(dict.fromkeys([team_id, *(team for team in found if team not in own)]))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, key: Key) -> None:
        self._known.pop(key, None)
        self._keys = {token: of for token, of in self._keys.items() if of != key}
        self._homes = {team: of for team, of in self._homes.items() if of != key}
        self._bots = {user: of for user, of in self._bots.items() if of != key}


@dataclass(frozen=True, slots=True)
class Authorized:
    """The installation that a payload is for: `team_id` is its team, `identity` the bot there,
    `client` acts as it."""

    team_id: str
    identity: AuthorizeResult
    client: AsyncWebClient


class Authorize(AsyncAuthorize):
    """Tells Bolt who the bot is, from what is known of the installation."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    async def __call__(
        self, *, context: AsyncBoltContext, **_: str | None
    ) -> AuthorizeResult | None:
        """Return the identity and token for a payload; None where the app is not installed."""
        authorized = await self._installations.authorize(source_of(context))
        if authorized is None:
            return None
        note_team(context, authorized.team_id)
        context["client"] = authorized.client
        return authorized.identity


class _Watch(Onlooker):
    """Sees in every answer whether the token is still good."""

    def __init__(self, is_gone: Callable[[str], None]) -> None:
        super().__init__()
        self._is_gone = is_gone

    def seen(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """Tell of the token that Slack no longer takes."""
        body = response.body if response is not None else None
        if body is not None and CODES.get(str(body.get("error"))) is Kind.REVOKED:
            for said in request.headers.get("Authorization", ()):
                self._is_gone(said.removeprefix(_BEARER))
