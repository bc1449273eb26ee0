"""Putting the bot together: settings in, a running bot out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.listener.async_listener_start_handler import AsyncListenerStartHandler
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot import listeners
from bot.abilities import Abilities
from bot.access import Access
from bot.bot import Bot
from bot.clock import Clock
from bot.connections import Respond, explained, open_session
from bot.conversation import is_deletion
from bot.downloads import Downloads
from bot.ending import told_to_end
from bot.incoming import is_installed, lacking, locate, source_of
from bot.installations import Authorize, Installations, OneToken, Tokens
from bot.logging import begin_request
from bot.people import People
from bot.publisher import Publisher
from bot.publishing import Publishing
from bot.refusals import Kind, code_of, in_short, kind_of
from bot.settings import BotSettings
from bot.slack_calls import SlackCalls
from bot.socket_mode import SocketMode
from bot.streaming import Streams
from orchestrator.errors import ConfigurationError
from orchestrator.events import Event, EventKind
from orchestrator.model.base import Model
from orchestrator.orchestrator import Orchestrator

if TYPE_CHECKING:
    # A web server takes memory that is not needed otherwise.
    from bot.health import WayIn

log = structlog.get_logger(__name__)

_CALL_SECONDS = 15
_SERVER_ERROR = 500


@asynccontextmanager
async def open_client(
    settings: BotSettings, token: str | None = None
) -> AsyncIterator[AsyncWebClient]:
    """A client for the Web API, here or elsewhere, that keeps its connections."""
    url = settings.slack_api_url.rstrip("/") + "/"
    async with open_session(_CALL_SECONDS) as session:
        client = AsyncWebClient(token=token, base_url=url, session=session)
        # Only what was never sent is sent again here: who posts knows how to find what was posted.
        client.retry_handlers = [
            AsyncConnectionErrorRetryHandler(2, error_types=[aiohttp.ClientConnectorError])
        ]
        yield client


@asynccontextmanager
async def open_bot(
    orchestrator: Orchestrator, client: AsyncWebClient, tokens: Tokens, settings: BotSettings
) -> AsyncIterator[Bot]:
    """A bot that works and publishes wherever there are `tokens` for, without listening yet.

    `client` has no token of its own: all workspaces share its connections.
    """
    database = orchestrator.database
    client.retry_handlers.insert(0, SlackCalls(orchestrator.metrics.registry))
    installations = Installations(database, tokens, client, orchestrator.leave)
    abilities = Abilities(database)
    await abilities.load()
    publishing = Publishing(database, settings.beat_s)
    every_s = 60 / settings.updates_per_minute
    people = People(installations.client)
    streams = Streams(database, installations.client, people, abilities, publishing, every_s)
    publisher = Publisher(
        database, installations.client, settings.updates_per_minute, abilities, streams, publishing
    )
    unsubscribe_text = orchestrator.subscribe_text(streams.hear)
    unsubscribe = orchestrator.subscribe(partial(_show, publisher))
    installations.start()
    publisher.start()
    downloads = Downloads(
        orchestrator.attachments,
        installations.client,
        publisher.first_replies,
        settings.file_bytes,
    )
    unsubscribe_downloads = orchestrator.subscribe(partial(_download, downloads))
    downloads.start()
    access = Access(
        database, installations.client, people, settings.may_start, settings.bot_runs_per_hour
    )
    clock = Clock(orchestrator, installations, people, access, settings, publisher.wake)
    clock.start()
    bot = Bot(orchestrator, publisher, access, people, settings, installations)
    try:
        yield bot
    finally:
        await bot.finish()
        clock.stop()
        unsubscribe()
        unsubscribe_downloads()
        unsubscribe_text()
        await streams.stop()
        await downloads.stop()
        await publisher.stop()
        await installations.close()


def _show(publisher: Publisher, event: Event) -> None:
    if event.kind is EventKind.RUN_CREATED:
        publisher.announce(event.run_id)
    publisher.wake()


def _download(downloads: Downloads, event: Event) -> None:
    if event.kind is EventKind.RUN_CREATED:
        downloads.wake()


def app_of(
    bot: Bot,
    client: AsyncWebClient,
    signing_secret: str | None = None,
    oauth_flow: AsyncOAuthFlow | None = None,
) -> AsyncApp:
    """The Bolt app with every listener registered."""
    app = AsyncApp(
        name="orchestrator",
        client=client,
        authorize=Authorize(bot.installations),  # type: ignore[arg-type] # it takes these, too
        before_authorize=_Locate(),
        signing_secret=signing_secret,
        request_verification_enabled=signing_secret is not None,
        ignoring_self_events_enabled=False,
        oauth_flow=oauth_flow,
    )
    app.listener_runner.listener_start_handler = _Kept(bot)
    app.middleware(_note_request)
    app.middleware(_respond_over_ours)
    app.middleware(_ignore_own)
    app.error(_broken)
    listeners.register(app, bot)
    return app


class _Kept(AsyncListenerStartHandler):
    """Bolt goes on with a listener after the acknowledgement, and holds on to it no more."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def handle(self, request: AsyncBoltRequest, response: BoltResponse | None) -> None:
        """A listener starts, in a task of its own."""
        if (task := asyncio.current_task()) is not None:
            self._bot.keep(task)


class _Locate(AsyncMiddleware):
    """Finds out for which installation a payload is, before Bolt asks for its token.

    Nothing can come of a payload that lacks what all of its kind have; sent again it would be the
    same. It is no function, because Bolt itself breaks on such payloads when it calls one.
    """

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[Any]],  # noqa: A002 - Bolt calls it so
    ) -> BoltResponse | None:
        """Go on with what is readable."""
        if lacks := lacking(req.body):
            log.warning("payload_unreadable", kind=req.body.get("type"), lacks=lacks)
            return BoltResponse(status=200)
        locate(req.body, req.context)
        await next()
        return None


async def _note_request(context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]) -> None:
    """What is logged of this request can be told from what others log."""
    source = source_of(context)
    begin_request(source.team_id or source.enterprise_id)
    await next_()


async def _broken(
    error: Exception, body: dict[str, Any], context: AsyncBoltContext
) -> BoltResponse:
    """Let Slack tell again of what broke, unless the app is not installed there: then it was
    Bolt that could not tell the person so."""
    if not is_installed(context):
        log.warning("not_installed", kind=body.get("type"), error=in_short(error))
        return BoltResponse(status=200)
    log.error("request_broke", kind=body.get("type"), exc_info=error)
    return BoltResponse(status=500)


async def _respond_over_ours(
    context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]
) -> None:
    """Bolt would open a connection of its own for each response_url."""
    assert context.client is not None
    context["respond"] = Respond(context.response_url, context.client.session)
    await next_()


async def _ignore_own(
    context: AsyncBoltContext, body: dict[str, Any], next_: Callable[[], Awaitable[None]]
) -> BoltResponse | None:
    """Of its own messages the bot only has to know that somebody deleted them."""
    event = body.get("event")
    is_own = context.user_id is not None and context.user_id == context.bot_user_id
    if event and is_own and not is_deletion(event):
        return BoltResponse(status=200)
    await next_()
    return None


@asynccontextmanager
async def connected(
    settings: BotSettings, model: Model | None = None, *, works: bool = True
) -> AsyncIterator[Bot]:
    """The bot in the workspace of its tokens, listening over Socket Mode; unless it `works`,
    attempts are left to other processes. Its health is served meanwhile, where that is set."""
    bot_token, app_token = settings.check_bot_token(), settings.check_app_token()
    async with open_client(settings) as client:
        await check_token(bot_token, settings)
        await check_app_token(app_token, settings)
        async with (
            Orchestrator.open(settings, model, works=works) as orchestrator,
            open_bot(orchestrator, client, OneToken(bot_token), settings) as bot,
        ):
            handler = SocketMode(app_of(bot, client), app_token)
            async with health_of(orchestrator, settings, handler.problem):
                try:
                    await handler.connect_async()
                    log.info("connected", url=settings.slack_api_url)
                    yield bot
                finally:
                    await handler.close_async()


async def run_socket_mode(
    settings: BotSettings, model: Model | None = None, *, works: bool = True
) -> None:
    """Be the bot over Socket Mode until the process is told to end."""
    async with connected(settings, model, works=works):
        await told_to_end()


@asynccontextmanager
async def health_of(
    orchestrator: Orchestrator, settings: BotSettings, way_in: WayIn | None = None
) -> AsyncIterator[None]:
    """Answer who asks how the process is, where the settings say on which port.

    `way_in` returns why Slack does not reach the process, if it does not.
    """
    if settings.health_port is None:
        yield
        return
    from bot.health import serving_health

    async with serving_health(orchestrator, settings, way_in):
        yield


async def check_token(bot_token: str, settings: BotSettings) -> str:
    """The scopes that were granted, as Slack writes them.

    Raises ConfigurationError when the workspace does not know us or cannot be reached.
    """
    hint = "Copy it again from your app's page under OAuth & Permissions"
    async with open_client(settings, bot_token) as client:
        with _explained(settings, "SLACK_BOT_TOKEN", hint):
            answer = await client.auth_test()
    return str(answer.headers.get("x-oauth-scopes", ""))


async def check_app_token(app_token: str, settings: BotSettings) -> None:
    """Raises ConfigurationError when Socket Mode cannot be used with this token.

    The library would try to connect for ever.
    """
    hint = "Create one under Basic Information → App-Level Tokens with the scope connections:write"
    async with open_client(settings, app_token) as client:
        with _explained(settings, "SLACK_APP_TOKEN", hint):
            await client.apps_connections_open(app_token=app_token)


@contextmanager
def _explained(settings: BotSettings, token: str, hint: str) -> Iterator[None]:
    try:
        yield
    except SlackApiError as error:
        raise ConfigurationError(_refusal(error, settings, token, hint)) from error
    except (OSError, TimeoutError, aiohttp.ClientError, SlackClientError) as error:
        url = settings.slack_api_url
        raise ConfigurationError(
            explained(error, url)
            or f"{url} cannot be reached. Check SLACK_API_URL and the network."
        ) from error


def _refusal(error: SlackApiError, settings: BotSettings, token: str, hint: str) -> str:
    """Return what to do about an answer of Slack: it may have trouble of its own."""
    status, code, kind = error.response.status_code, code_of(error), kind_of(error)
    if kind is Kind.WAIT:
        return "Slack limits how often it may be asked just now. Start again in a minute."
    if not code and status < _SERVER_ERROR:
        return f"{settings.slack_api_url} does not answer as Slack does (HTTP status {status})."
    if kind is Kind.PASSING:
        said = code or f"the HTTP status {status}"
        return f"Slack has trouble of its own ({said}). Start again when it is over."
    return f"Slack does not accept {token} ({code}). {hint}."
