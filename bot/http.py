"""The bot over HTTP: Slack's requests with checked signatures, installations, and health."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from starlette.applications import Starlette
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
        if not request.headers.get("x-slack-request-timestamp", "").isdigit():
            return JSONResponse({"error": "invalid request"}, 401)
        return await handler.handle(request)

    async def oauth(request: Request) -> Response:
        return await handler.handle(request)

    routes = [Route(EVENTS_PATH, slack, methods=["POST"]), *health.routes(bot.orchestrator)]
    if app.oauth_flow is not None and bot.settings.has_oauth:
        flow = app.oauth_flow
        routes += [Route(flow.install_path, oauth), Route(flow.redirect_uri_path, oauth)]
    return Starlette(routes=routes, max_body_size=_MOST_BODY)
