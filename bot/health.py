"""For who runs it: whether a process is healthy and ready, and what it measures."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.listening import listen, listening
from bot.settings import BotSettings
from orchestrator.orchestrator import Orchestrator

WayIn = Callable[[], Awaitable[str | None]]

_READY_S = 5.0
_SWEPT_WITHIN_S = 30.0


@contextlib.asynccontextmanager
async def serving_health(
    orchestrator: Orchestrator, settings: BotSettings, way_in: WayIn | None = None
) -> AsyncIterator[int]:
    """Answer `/healthz`, `/readyz` and `/metrics` meanwhile, on a port of their own: gives it.

    `way_in` returns why Slack does not reach the process, if it does not.
    """
    assert settings.health_port is not None
    with listen(settings.host, settings.health_port, "HEALTH_PORT") as listener:
        async with listening(Starlette(routes=routes(orchestrator, way_in)), listener):
            yield listener.getsockname()[1]


def routes(orchestrator: Orchestrator, way_in: WayIn | None = None) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`."""
    connected = _connected(orchestrator) if way_in else None

    async def ready(_: Request) -> Response:
        found = await problem(orchestrator) or (await way_in() if way_in else None)
        return JSONResponse({"ok": found is None, "problem": found}, 503 if found else 200)

    async def metrics(_: Request) -> Response:
        if way_in and connected:
            connected.set(await way_in() is None)
        said = await orchestrator.metrics.text(orchestrator.database)
        return Response(said, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/healthz", _healthy), Route("/readyz", ready), Route("/metrics", metrics)]


def _connected(orchestrator: Orchestrator) -> Gauge:
    return Gauge(
        "orchestrator_slack_connected",
        "Whether Slack reaches this process over Socket Mode.",
        registry=orchestrator.metrics.registry,
    )


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
