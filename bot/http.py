"""The bot over HTTP: Slack's requests with checked signatures, installations, and health."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator

import structlog
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn import Config, Server

from bot.app import app_of, check_token, open_bot, open_client
from bot.bot import Bot
from bot.ending import told_to_end
from bot.installations import OneToken
from bot.settings import BotSettings
from orchestrator.errors import ConfigurationError
from orchestrator.model.base import Model
from orchestrator.orchestrator import Orchestrator

log = structlog.get_logger(__name__)

EVENTS_PATH = "/slack/events"
# Slack's largest requests, submitted modals, are far below.
_MOST_BODY = 4_000_000
_READY_S = 5.0
_SWEPT_WITHIN_S = 30.0
_SHUTDOWN_S = 5


@contextlib.asynccontextmanager
async def served(
    settings: BotSettings, model: Model | None = None, *, works: bool = True
) -> AsyncIterator[tuple[Starlette, Bot]]:
    """The web application of a bot, in one workspace or in all that install it; unless it
    `works`, attempts are left to other processes."""
    secret = settings.check_signing_secret()
    async with open_client(settings) as client:
        if settings.has_oauth:
            app = settings.check_oauth()
            async with Orchestrator.open(settings, model, works=works) as orchestrator:
                # It takes memory that one workspace does not need.
                from bot.oauth import OAuth

                oauth = await OAuth.open(orchestrator.database, app)
                tokens = oauth.tokens(client)
                async with open_bot(orchestrator, client, tokens, settings) as bot:
                    flow = oauth.flow(client, settings, bot.installations)
                    yield web_app(bot, app_of(bot, client, secret, flow)), bot
            return
        token = settings.check_bot_token()
        await check_token(token, settings)
        async with (
            Orchestrator.open(settings, model, works=works) as orchestrator,
            open_bot(orchestrator, client, OneToken(token), settings) as bot,
        ):
            yield web_app(bot, app_of(bot, client, secret)), bot


async def run_http(
    settings: BotSettings, model: Model | None = None, *, works: bool = True
) -> None:
    """Be the bot over HTTP until the process is told to end."""
    with _listen(settings) as listener:
        async with served(settings, model, works=works) as (app, _):
            ending = asyncio.create_task(told_to_end())
            async with listening(app, listener):
                await ending


@contextlib.asynccontextmanager
async def listening(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """Serve `app` meanwhile; requests under way are finished at the end."""
    config = Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=_SHUTDOWN_S)
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    host, port = listener.getsockname()[:2]
    try:
        await server.has_started.wait()
        log.info("listening", host=host, port=port)
        yield
    finally:
        server.should_exit = True
        await serving


def _listen(settings: BotSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}). "
            "Set PORT or ORCHESTRATOR_HOST to another."
        ) from error


class _Server(Server):
    """Leaves the signals to us: what is under way is to be finished after the last request."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.has_started.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def web_app(bot: Bot, app: AsyncApp) -> Starlette:
    """`/slack/events` for everything Slack sends, `/health` and `/ready` for who runs it."""
    handler = AsyncSlackRequestHandler(app)

    async def slack(request: Request) -> Response:
        if not request.headers.get("x-slack-request-timestamp", "").isdigit():
            return JSONResponse({"error": "invalid request"}, 401)
        return await handler.handle(request)

    async def oauth(request: Request) -> Response:
        return await handler.handle(request)

    async def ready(_: Request) -> Response:
        found = await problem(bot.orchestrator)
        return JSONResponse({"ok": found is None, "problem": found}, 503 if found else 200)

    routes = [
        Route(EVENTS_PATH, slack, methods=["POST"]),
        Route("/health", _healthy),
        Route("/ready", ready),
    ]
    if app.oauth_flow is not None and bot.settings.has_oauth:
        flow = app.oauth_flow
        routes += [Route(flow.install_path, oauth), Route(flow.redirect_uri_path, oauth)]
    return Starlette(routes=routes, max_body_size=_MOST_BODY)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"ok": True})


async def problem(orchestrator: Orchestrator) -> str | None:
    """Why no work would be done at the moment; None where all is well."""
    try:
        async with asyncio.timeout(_READY_S), orchestrator.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return "the database cannot be reached"
    engine = orchestrator.engine
    if engine is not None and time.monotonic() - engine.swept_at > _SWEPT_WITHIN_S:
        return "the engine has not looked for work lately"
    return None
