"""Putting the bot together: settings in, a running bot out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot import clock, listeners
from bot.access import Access
from bot.bot import Bot
from bot.ending import told_to_end
from bot.publisher import Publisher
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.events import Event, EventKind
from orchestrator.model.base import Model
from orchestrator.orchestrator import Orchestrator

log = structlog.get_logger(__name__)

_CALL_SECONDS = 15


@asynccontextmanager
async def open_client(token: str, settings: BotSettings) -> AsyncIterator[AsyncWebClient]:
    """A client for the Web API, here or elsewhere, that keeps its connections."""
    url = settings.slack_api_url.rstrip("/") + "/"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_CALL_SECONDS)) as session:
        client = AsyncWebClient(token=token, base_url=url, session=session)
        # Only what was never sent is sent again here: who posts knows how to find what was posted.
        client.retry_handlers = [
            AsyncConnectionErrorRetryHandler(2, error_types=[aiohttp.ClientConnectorError])
        ]
        yield client


@asynccontextmanager
async def open_bot(
    settings: BotSettings, client: AsyncWebClient, model: Model | None = None
) -> AsyncIterator[Bot]:
    """A bot that works and publishes for the one workspace of `client`, without listening yet."""

    async def clients(_: str) -> AsyncWebClient:
        return client

    async with Orchestrator.open(settings, model) as orchestrator:
        database = orchestrator.database
        publisher = Publisher(database, clients, settings.updates_per_minute)
        unsubscribe = orchestrator.subscribe(partial(_show, publisher))
        publisher.start()
        scheduler = clock.start(orchestrator, settings.approval_days, publisher.wake)
        try:
            yield Bot(orchestrator, publisher, Access(database, clients), settings)
        finally:
            scheduler.shutdown(wait=False)
            unsubscribe()
            await publisher.stop()


def _show(publisher: Publisher, event: Event) -> None:
    if event.kind is EventKind.RUN_CREATED:
        publisher.announce(event.run_id)
    publisher.wake()


def app_of(bot: Bot, client: AsyncWebClient, signing_secret: str | None = None) -> AsyncApp:
    """The Bolt app with every listener registered."""
    app = AsyncApp(
        client=client,
        signing_secret=signing_secret,
        request_verification_enabled=signing_secret is not None,
        ignoring_self_events_enabled=True,
    )
    listeners.register(app, bot)
    return app


@asynccontextmanager
async def connected(settings: BotSettings, model: Model | None = None) -> AsyncIterator[Bot]:
    """The bot at work in the workspace of its tokens, listening over Socket Mode."""
    bot_token, app_token = settings.check_socket_mode()
    async with open_client(bot_token, settings) as client:
        await check_token(client, settings)
        await check_app_token(app_token, settings)
        async with open_bot(settings, client, model) as bot:
            handler = AsyncSocketModeHandler(app_of(bot, client), app_token)
            try:
                await handler.connect_async()
                log.info("connected", url=settings.slack_api_url)
                yield bot
            finally:
                await handler.close_async()


async def run_socket_mode(settings: BotSettings, model: Model | None = None) -> None:
    """Be the bot over Socket Mode until the process is told to end."""
    async with connected(settings, model):
        await told_to_end()


async def check_token(client: AsyncWebClient, settings: BotSettings) -> None:
    """Raises ConfigurationError when the workspace does not know us or cannot be reached."""
    hint = "Copy it again from your app's page under OAuth & Permissions"
    with _explained(settings, "SLACK_BOT_TOKEN", hint):
        await client.auth_test()


async def check_app_token(app_token: str, settings: BotSettings) -> None:
    """Raises ConfigurationError when Socket Mode cannot be used with this token.

    The library would try to connect for ever.
    """
    hint = "Create one under Basic Information → App-Level Tokens with the scope connections:write"
    async with open_client(app_token, settings) as client:
        with _explained(settings, "SLACK_APP_TOKEN", hint):
            await client.apps_connections_open(app_token=app_token)


@contextmanager
def _explained(settings: BotSettings, token: str, hint: str) -> Iterator[None]:
    try:
        yield
    except SlackApiError as error:
        raise ConfigurationError(
            f"Slack does not accept {token} ({error.response.get('error')}). {hint}."
        ) from error
    except (OSError, TimeoutError, SlackClientError) as error:
        raise ConfigurationError(
            f"{settings.slack_api_url} cannot be reached. Check SLACK_API_URL and the network."
        ) from error
