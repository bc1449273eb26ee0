"""For who runs it: whether a process is healthy and ready, and what it measures."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.listening import listen, listening
from bot.settings import BotSettings
from orchestrator.orchestrator import Orchestrator

_READY_S = 5.0
_SWEPT_WITHIN_S = 30.0


@contextlib.asynccontextmanager
async def serving_health(orchestrator: Orchestrator, settings: BotSettings) -> AsyncIterator[int]:
    """Answer `/healthz`, `/readyz` and `/metrics` meanwhile, on a port of their own: gives it."""
    assert settings.health_port is not None
    with listen(settings.host, settings.health_port, "HEALTH_PORT") as listener:
        async with listening(Starlette(routes=routes(orchestrator)), listener):
            yield listener.getsockname()[1]


def routes(orchestrator: Orchestrator) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def ready(_: Request) -> Response:
        found = await problem(orchestrator)
        return JSONResponse({"ok": found is None, "problem": found}, 503 if found else 200)

    async def metrics(_: Request) -> Response:
        said = await orchestrator.metrics.text(orchestrator.database)
        return Response(said, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/healthz", _healthy), Route("/readyz", ready), Route("/metrics", metrics)]


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
