"""Logs: one JSON line an event, without anything that opens a door."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from orchestrator import text


def scrub(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take tokens, keys and passwords out of everything that is about to be logged."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = text.without_secrets(value)
    return event


def begin_request(team_id: str | None) -> None:
    """From here on whatever is logged of this request of Slack's has an id of its own."""
    clear_contextvars()
    bind_contextvars(request=secrets.token_hex(4), team=team_id)


def request_id() -> str:
    """What finds the request that is being answered in the log."""
    return str(get_contextvars().get("request", ""))


def configure(level: str = "INFO") -> None:
    """Log our events and the libraries' warnings to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        scrub,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    is_terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Bolt finds the token in the environment as well, and says so at every start.
    logging.getLogger("slack_bolt.AsyncApp").addFilter(
        lambda record: "`token` will be unused" not in record.getMessage()
    )
    for ours in ("orchestrator", "bot"):
        logging.getLogger(ours).setLevel(level)
