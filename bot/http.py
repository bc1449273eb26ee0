"""The bot over HTTP: Slack's requests with checked signatures, and health."""

from __future__ import annotations

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn import Config, Server

from bot.app import app_of, check_token, open_bot, open_client
from bot.bot import Bot
from bot.settings import BotSettings
from orchestrator.model.base import Model


async def run_http(settings: BotSettings, model: Model | None = None) -> None:
    """Be the bot over HTTP until the process is told to end."""
    bot_token, secret = settings.check_http()
    async with open_client(bot_token, settings) as client:
        await check_token(client, settings)
        async with open_bot(settings, client, model) as bot:
            app = web_app(bot, app_of(bot, client, secret))
            config = Config(app, host=settings.host, port=settings.port, log_config=None)
            await Server(config).serve()


def web_app(bot: Bot, app: AsyncApp) -> Starlette:
    """`/slack/events` for everything Slack sends, `/healthz` and `/readyz` for who runs it."""
    handler = AsyncSlackRequestHandler(app)

    async def slack(request: Request) -> Response:
        return await handler.handle(request)

    async def healthy(_: Request) -> Response:
        return JSONResponse({"ok": True})

    async def ready(_: Request) -> Response:
        async with bot.orchestrator.database.read() as session:
            await session.execute(text("SELECT 1"))
        return JSONResponse({"ok": True})

    return Starlette(
        routes=[
            Route("/slack/events", slack, methods=["POST"]),
            Route("/healthz", healthy),
            Route("/readyz", ready),
        ]
    )
