"""Serving a web application beside everything else that a process does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
from starlette.applications import Starlette
from uvicorn import Config, Server

from orchestrator.errors import ConfigurationError

log = structlog.get_logger(__name__)

_SHUTDOWN_S = 5


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


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A socket there. Raises ConfigurationError, naming the `setting` of the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on ({error.strerror}). "
            f"Set {setting} or ORCHESTRATOR_HOST to another."
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
