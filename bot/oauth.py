"""Installations by OAuth: many workspaces, their tokens encrypted in our database."""

from __future__ import annotations

import html
from urllib.parse import urljoin

import sqlalchemy as sa
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot as StoredBot
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore as States
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.engine import Connection, Dialect

from bot.installations import Installations, Key, Token
from bot.scopes import NEEDED
from bot.settings import BotSettings, OAuthApp
from orchestrator.store.database import Database

log = structlog.get_logger(__name__)

INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
_STATE_S = 600
_SECRETS = ("bot_token", "bot_refresh_token", "user_token", "user_refresh_token")
# Any number will do, as long as every process uses the same.
_LOCK = 0x0C4E58


class Encrypted(sa.TypeDecorator[str]):
    """Text that is stored encrypted. What no key fits is read as NULL, and logged."""

    impl = sa.Text
    cache_ok = False

    def __init__(self, cipher: MultiFernet) -> None:
        super().__init__()
        self._cipher = cipher

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else self._cipher.encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return self._cipher.decrypt(value.encode()).decode()
        except InvalidToken:
            log.error("stored_token_unreadable", hint="ORCHESTRATOR_SECRET_KEY lacks its key")  # noqa: TRY400 - there is nothing more to see in it
            return None


class Store(AsyncSQLAlchemyInstallationStore):
    """The SDK's installation tables, with tokens encrypted."""

    def __init__(self, client_id: str, database: Database, cipher: MultiFernet) -> None:
        super().__init__(client_id, database.engine)
        for table in (self.bots, self.installations):
            for name in _SECRETS:
                if name in table.c:
                    table.c[name].type = Encrypted(cipher)


def stored_tables() -> sa.MetaData:
    """The SDK's tables as they are stored, with tokens as the encrypted text they are."""
    metadata = sa.MetaData()
    bots = Store.build_bots_table(metadata, Store.default_bots_table_name)
    installations = Store.build_installations_table(
        metadata, Store.default_installations_table_name
    )
    for table in (bots, installations):
        for name in _SECRETS:
            if name in table.c:
                table.c[name].type = sa.Text()
    States.build_oauth_states_table(metadata, States.default_table_name)
    return metadata


class StoredTokens:
    """The tokens of all workspaces that installed the app."""

    def __init__(self, store: Store, rotator: AsyncTokenRotator) -> None:
        self._store = store
        self._rotator = rotator

    def key(self, enterprise_id: str | None, team_id: str | None, *, is_org: bool) -> Key:
        """The workspace's own, but where its whole organisation installed the app."""
        return Key(enterprise_id, None if is_org else team_id)

    async def keys(self) -> list[Key]:
        """Every installation there is."""
        bots = self._store.bots
        query = sa.select(bots.c.enterprise_id, bots.c.team_id).distinct()
        async with self._store.engine.connect() as connection:
            rows = await connection.execute(query.where(bots.c.client_id == self._store.client_id))
            return [Key(row.enterprise_id, row.team_id) for row in rows]

    async def find(self, key: Key) -> Token | None:
        """The token, exchanged for a new one where it is about to expire."""
        bot = await self._store.async_find_bot(
            enterprise_id=key.enterprise_id,
            team_id=key.team_id,
            is_enterprise_install=key.team_id is None,
        )
        if bot is None or not bot.bot_token:
            return None
        bot = await self._rotated(bot)
        return Token(bot.bot_token, bot.installed_at)

    async def delete(self, key: Key) -> None:
        """Forget the installation and everybody's tokens of it."""
        await self._store.async_delete_all(enterprise_id=key.enterprise_id, team_id=key.team_id)

    async def _rotated(self, bot: StoredBot) -> StoredBot:
        if bot.bot_refresh_token is None:
            return bot
        try:
            fresh = await self._rotator.perform_bot_token_rotation(bot=bot)
        except SlackTokenRotationError as error:
            log.warning("token_not_rotated", team=bot.team_id, error=_code(error))
            return bot
        if fresh is not None:
            await self._store.async_save_bot(fresh)
        return fresh or bot


def _code(error: SlackTokenRotationError) -> str:
    response = getattr(error.api_error, "response", None) or {}
    return str(response.get("error", "unknown"))


class OAuth:
    """Everything that OAuth needs, over one database: `tokens` to read, `flow` to install."""

    def __init__(self, store: Store, states: States, app: OAuthApp) -> None:
        self.store = store
        self.states = states
        self.app = app

    @classmethod
    async def open(cls, database: Database, app: OAuthApp) -> OAuth:
        """Make the tables that are missing."""
        cipher = MultiFernet([Fernet(key) for key in app.secret_keys])
        store = Store(app.client_id, database, cipher)
        states = States(_STATE_S, database.engine)

        def create(connection: Connection) -> None:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            for tables in (store.metadata, states.metadata):
                tables.create_all(connection)

        await database.write(create)
        return cls(store, states, app)

    def tokens(self, client: AsyncWebClient) -> StoredTokens:
        """The tokens that are stored."""
        app = self.app
        rotator = AsyncTokenRotator(
            client_id=app.client_id, client_secret=app.client_secret, client=client
        )
        return StoredTokens(self.store, rotator)

    def flow(
        self, client: AsyncWebClient, settings: BotSettings, installations: Installations
    ) -> AsyncOAuthFlow:
        """The way from `Add to Slack` to a stored token."""
        address = settings.public_url
        options = AsyncOAuthSettings(
            client_id=self.app.client_id,
            client_secret=self.app.client_secret,
            scopes=NEEDED,
            user_scopes=(),
            redirect_uri=f"{address.rstrip('/')}{REDIRECT_PATH}" if address else None,
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            authorization_url=urljoin(settings.slack_api_url, "/oauth/v2/authorize"),
            installation_store=self.store,
            state_store=self.states,
            state_expiration_seconds=_STATE_S,
            callback_options=_Pages(installations),
        )
        return _Flow(client=client, settings=options)


class _Flow(AsyncOAuthFlow):
    """The SDK's flow with a page of our own."""

    async def build_install_page_html(self, url: str, request: AsyncBoltRequest) -> str:
        return page(
            "Add Orchestrator to your workspace",
            "Mention it with a task: it plans, you approve, a team of workers does it.",
            link=(url, "Add to Slack"),
        )


class _Pages(AsyncCallbackOptions):
    """What people see at the end of an installation."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations
        super().__init__(self._succeeded, self._failed)

    async def _succeeded(self, arguments: AsyncSuccessArgs) -> BoltResponse:
        installation: Installation = arguments.installation
        is_org = bool(installation.is_enterprise_install)
        key = Key(installation.enterprise_id, None if is_org else installation.team_id)
        name = installation.team_name or installation.enterprise_name or "your workspace"
        await self._installations.installed(key, installation.team_name or "")
        sentence = f"Orchestrator is in {name}. Invite it to a channel and mention it with a task."
        return _answer(200, page("It is installed", sentence, link=_app_link(installation)))

    async def _failed(self, arguments: AsyncFailureArgs) -> BoltResponse:
        reason = arguments.reason
        log.warning("installation_failed", reason=reason)
        again = (arguments.settings.install_path, "Try again")
        sentence = _REASONS.get(reason, f"Slack says: {reason}.")
        return _answer(
            arguments.suggested_status_code, page("It was not installed", sentence, link=again)
        )


_REASONS = {
    "access_denied": "The installation was cancelled. Nothing was changed.",
    "invalid_browser": "It has to end in the browser in which it began. Begin again here.",
    "invalid_state": "It took too long, or this link was used before. Begin again here.",
    "missing_code": "Slack sent no code. Begin again here.",
    "invalid_code": "Slack did not take the code. Begin again here; if that does not help, whoever "
    "runs this app should check SLACK_CLIENT_SECRET and the redirect URL.",
    "storage_error": "The installation could not be stored. Please try again in a minute.",
}


def _app_link(installation: Installation) -> tuple[str, str]:
    team = installation.team_id or ""
    return f"slack://app?team={team}&id={installation.app_id}", "Open Slack"


def _answer(status: int, body: str) -> BoltResponse:
    return BoltResponse(
        status=status, body=body, headers={"Content-Type": "text/html; charset=utf-8"}
    )


def page(title: str, sentence: str, link: tuple[str, str] | None = None) -> str:
    """A web page with a heading, a sentence and perhaps a link; everything in it is escaped."""
    heading, said = html.escape(title), html.escape(sentence)
    leads = f'<p><a href="{html.escape(link[0])}">{html.escape(link[1])}</a></p>' if link else ""
    return _PAGE.replace("{heading}", heading).replace("{body}", f"<p>{said}</p>{leads}")


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{heading}</title>
<style>
body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto }
a { background: #1f2d3d; border-radius: .5rem; color: #fff; padding: .6rem 1.2rem }
</style>
<h1>{heading}</h1>
{body}
</html>
"""
