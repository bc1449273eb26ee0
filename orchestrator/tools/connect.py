"""Opening the client of an MCP server, over a program's pipes or HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from types import TracebackType
from typing import Any, Self, TextIO

import httpx2
from mcp import Client, Implementation, MCPError, StdioServerParameters, stdio_client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED

from orchestrator import text
from orchestrator.http_transport import NotPassedOn, NotTrusted, RoutedTransport
from orchestrator.tools.configuration import ServerConfig

# It logs what servers send, which may be anything; what matters of it is told by us.
logging.getLogger("mcp.client").setLevel(logging.CRITICAL)

_CONNECT_S = 10.0
# So long a server over SSE may say nothing at all, a call's own limit apart.
_SILENCE_S = 3_600.0
# Far more than is kept of a result, so that it can be cut rather than refused.
_MAX_EVENT_BYTES = 64 * 2**20
_MAX_WORDS = 300
_LAST_LINES = 3

_SESSION = "mcp-session-id"

_Transport = AbstractAsyncContextManager[tuple[Any, Any]]


@dataclass(slots=True)
class Asked:
    """One call. `is_unknown` where the server does not know our session, and so called nothing."""

    is_unknown: bool = False


asked: ContextVar[Asked | None] = ContextVar("asked", default=None)
"""The call that is being made; the client's own tasks inherit it from the caller's."""


class Signs:
    """What can be noticed of a server beside its answers.

    `ended` is set when the connection is over, `said` has the last lines it wrote to its standard
    error, `status` is that of its last answer over HTTP.
    """

    def __init__(self, config: ServerConfig):
        self.ended = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.status: int | None = None
        self._config = config

    def line(self, line: str) -> None:
        """It wrote `line` to its standard error."""
        is_trace = line.startswith((" ", "\t", "Traceback"))
        if not is_trace and (said := words(line, self._config)):
            self._lines.append(said)

    @property
    def said(self) -> str:
        """What it wrote last; hints often stand below the fault that they are for."""
        return text.shorten(" / ".join(self._lines), _MAX_WORDS)

    async def response(self, response: httpx2.Response) -> None:
        """It answered over HTTP."""
        self.status = response.status_code
        call = asked.get()
        if call is not None and self.status == 404 and _SESSION in response.request.headers:
            call.is_unknown = True


@asynccontextmanager
async def opened(config: ServerConfig, signs: Signs) -> AsyncIterator[Client]:
    """A client that talks to the server; what goes wrong is for `explained`.

    It has to be left in the task that entered it.
    """
    ours = Implementation(name="orchestrator", version=metadata.version("orchestrator-bot"))
    async with (
        _transport(config, signs) as transport,
        Client(_watched(transport, signs.ended), client_info=ours) as client,
    ):
        yield client


def explained(error: BaseException, config: ServerConfig, signs: Signs) -> str:
    """Why a server could not be started or was lost, in words for whoever set it up."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case FileNotFoundError():
            return f"the command {config.command} was not found"
        case OSError():
            return f"the command {config.command} cannot be run ({error.strerror})"
        case NotPassedOn() | NotTrusted():
            return text.one_line(str(error)).rstrip(".")
        case httpx2.HTTPError() | httpx2.InvalidURL():
            return "its address could not be reached"
        case MCPError() if signs.status is not None and signs.status >= 400:
            return f"it answered with the HTTP status {signs.status}"
        case MCPError() if error.code == CONNECTION_CLOSED:
            return ending(signs)
        case MCPError():
            return f"it answered: {words(str(error), config)}"
    return f"it does not keep to the protocol ({type(error).__name__})"


def ending(signs: Signs) -> str:
    """That a server ended without being asked to."""
    return f"it ended; the last it wrote was: {signs.said}" if signs.said else "it ended"


def words(said: str, config: ServerConfig) -> str:
    """What a server says, as a part of a sentence of ours."""
    return text.shorten(text.one_line(config.redacted(said)), _MAX_WORDS).rstrip(".")


def _transport(config: ServerConfig, signs: Signs) -> AbstractAsyncContextManager[_Transport]:
    return _http(config, signs) if config.command is None else _program(config, signs)


@asynccontextmanager
async def _http(config: ServerConfig, signs: Signs) -> AsyncIterator[_Transport]:
    assert config.url is not None
    if config.transport == "sse":
        yield sse_client(
            config.url,
            headers={name: value.get_secret_value() for name, value in config.headers.items()},
            timeout=_CONNECT_S,
            sse_read_timeout=_SILENCE_S,
            httpx_client_factory=partial(_sse_client, signs),
        )
        return
    async with httpx2.AsyncClient(
        headers={name: value.get_secret_value() for name, value in config.headers.items()},
        # The time an answer takes is limited call by call: one that this limited would take the
        # connection of all others with it.
        timeout=httpx2.Timeout(_CONNECT_S, read=None, pool=None),
        transport=RoutedTransport(),
        event_hooks={"response": [signs.response]},
    ) as client:
        yield streamable_http_client(
            config.url, http_client=client, max_sse_event_size=_MAX_EVENT_BYTES
        )


def _sse_client(
    signs: Signs,
    headers: dict[str, str] | None = None,
    timeout: httpx2.Timeout | None = None,
    auth: httpx2.Auth | None = None,
) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        headers=headers,
        timeout=timeout,
        auth=auth,
        transport=RoutedTransport(),
        event_hooks={"response": [signs.response]},
    )


@asynccontextmanager
async def _program(config: ServerConfig, signs: Signs) -> AsyncIterator[_Transport]:
    assert config.command is not None
    parameters = StdioServerParameters(
        command=config.command,
        args=list(config.args),
        env={name: value.get_secret_value() for name, value in config.env.items()},
        cwd=config.cwd,
        encoding_error_handler="replace",
    )
    async with _overheard(signs.line) as errlog:
        yield stdio_client(parameters, errlog)


@asynccontextmanager
async def _overheard(hear: Callable[[str], None]) -> AsyncIterator[TextIO]:
    """A file for a program to write to; `hear` gets what it writes, line by line."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: _Lines(hear), os.fdopen(reading, "rb")
        )
        try:
            yield file
        finally:
            transport.close()


class _Lines(asyncio.Protocol):
    def __init__(self, hear: Callable[[str], None]):
        self._hear = hear
        self._begun = b""

    def data_received(self, data: bytes) -> None:
        *lines, begun = (self._begun + data).split(b"\n")
        self._begun = begun[-_MAX_WORDS:]
        for line in lines:
            self._hear(line.decode(errors="replace"))

    def connection_lost(self, _: Exception | None) -> None:
        if self._begun:
            self._hear(self._begun.decode(errors="replace"))


@asynccontextmanager
async def _watched(transport: _Transport, ended: asyncio.Event) -> AsyncIterator[tuple[Any, Any]]:
    """`transport`, with `ended` set as soon as nothing more can come from it."""
    async with transport as (reading, writing):
        yield _Watched(reading, ended), writing


class _Watched:
    """The reading end of a transport, which tells of its end."""

    def __init__(self, stream: Any, ended: asyncio.Event):
        self._stream = stream
        self._ended = ended

    @property
    def last_context(self) -> Any:
        """What the dispatcher looks for in some streams."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._ended.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.__aexit__(kind, error, traceback)
