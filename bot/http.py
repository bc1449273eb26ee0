"""The bot over HTTP: Slack's requests with checked signatures, installations, and health."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot import health
from bot.app import app_of, check_token, open_bot, open_client
from bot.bot import Bot
from bot.ending import told_to_end
from bot.installations import OneToken
from bot.listening import listen, listening
from bot.settings import BotSettings
from orchestrator.model.base import Model
from orchestrator.orchestrator import Orchestrator

EVENTS_PATH = "/slack/events"
# Slack's largest requests, submitted modals, are far below.
_MOST_BODY = 4_000_000
_MOST_CHECK = 1_000
_FORM = "application/x-www-form-urlencoded"
_UNFRAMED = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}


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
    with listen(settings.host, settings.port, "PORT") as listener:
        async with served(settings, model, works=works) as (app, _):
            ending = asyncio.create_task(told_to_end())
            async with listening(app, listener):
                await ending


def web_app(bot: Bot, app: AsyncApp) -> Starlette:
    """`/slack/events` for everything Slack sends, and `/healthz` and others for who runs it."""
    handler = AsyncSlackRequestHandler(app)

    async def slack(request: Request) -> Response:
        if await _checks_certificate(request):
            return Response()
        if not _may_be_signed(request.headers):
            return JSONResponse({"error": "invalid request"}, 401)
        if not _is_readable(await request.body(), request.headers.get("content-type", "")):
            return JSONResponse({"error": "unreadable request"}, 400)
        return await handler.handle(request)

    async def oauth(request: Request) -> Response:
        response = await handler.handle(request)
        response.headers.update(_UNFRAMED)
        return response

    methods = ["GET", "POST"]
    routes = [Route(EVENTS_PATH, slack, methods=methods), *health.routes(bot.orchestrator)]
    if app.oauth_flow is not None and bot.settings.has_oauth:
        flow = app.oauth_flow
        routes += [Route(flow.install_path, oauth), Route(flow.redirect_uri_path, oauth)]
    return Starlette(routes=routes, max_body_size=_MOST_BODY)


async def _checks_certificate(request: Request) -> bool:
    """Return whether Slack only looks at our certificate, which it does without a signature."""
    if request.method == "GET":
        return request.query_params.get("ssl_check") == "1"
    body = await request.body()
    is_short = len(body) < _MOST_CHECK
    return is_short and ("ssl_check", "1") in parse_qsl(body.decode(errors="replace"))


def _may_be_signed(headers: Headers) -> bool:
    """Return whether the signature can be checked at all."""
    signature = headers.get("x-slack-signature", "")
    return headers.get("x-slack-request-timestamp", "").isdecimal() and signature.isascii()


def _is_readable(body: bytes, content_type: str) -> bool:
    """Return whether a body is what Slack sends: an object in JSON, or a form that may have one."""
    try:
        text = body.decode()
        if content_type.startswith(_FORM):
            text = dict(parse_qsl(text, keep_blank_values=True)).get("payload", "{}")
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
