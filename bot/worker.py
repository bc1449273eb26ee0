"""`python -m bot worker`: one of many processes that do the work, without a line to Slack."""

from __future__ import annotations

import structlog

from bot.app import health_of
from bot.ending import told_to_end
from bot.settings import BotSettings
from orchestrator.orchestrator import Orchestrator

log = structlog.get_logger(__name__)


async def run_worker(settings: BotSettings) -> None:
    """Work until the process is told to end. Raises ConfigurationError."""
    settings.check_shared()
    async with Orchestrator.open(settings) as orchestrator, health_of(orchestrator, settings):
        log.info("working", concurrency=settings.concurrency)
        await told_to_end()
