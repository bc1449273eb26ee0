"""MCP servers to test with, as programs and over HTTP, and what is needed to call them."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import psutil
import uvicorn

from orchestrator.tools.base import ToolContext
from orchestrator.tools.configuration import ServerConfig
from orchestrator.tools.mcp import McpServer

PROGRAM = Path(__file__).with_name("mcp_program.py")
CONTEXT = ToolContext()


def program(behaviour=None, **config):
    """The configuration of a server that is a program."""
    args = [str(PROGRAM), *([behaviour] if behaviour else [])]
    return ServerConfig(command=sys.executable, args=args, **config)


class Caller:
    """A server, with the calls a worker would make."""

    def __init__(self, config, **options):
        self.server = McpServer("test", config, **options)

    async def call(self, name, **arguments):
        return await self.server.call(name, arguments, CONTEXT)

    async def pid(self):
        return int((await self.call("process")).text)


def programs():
    """The servers that run as programs of this process."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if PROGRAM.name in _command(child)]


def _command(process):
    try:
        return str(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


class Limits:
    """The limits of calls, which nothing reaches before it is told so."""

    def __init__(self):
        self._open = []

    def __call__(self, _):
        self._open.append(asyncio.timeout(None))
        return self._open[-1]

    def expire(self, first, last=None):
        """The time of the calls from `first` to `last` is up, by the order they were made in."""
        for limit in self._open[first : (last or first) + 1]:
            limit.reschedule(0)


class Pipe:
    """What others tell of their beginning through, and a wait for it."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)

    def __str__(self):
        return str(self.path)

    async def wait(self):
        assert await asyncio.to_thread(self.path.read_text) == "begun"


class HttpServer:
    """The same server over HTTP, which notes the headers of what it is asked."""

    def __init__(self, app):
        self.app = app
        self.headers = []
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def start(self):
        """Listen, on the same port as before."""
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen()
        config = uvicorn.Config(
            self._noting(self.app()), log_level="critical", timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self):
        """Drop all connections and listen no more."""
        self._server.should_exit = self._server.force_exit = True
        await self._task
        self._socket.close()
        self._socket = None

    def _noting(self, app):
        async def noting(scope, receive, send):
            if scope["type"] == "http":
                self.headers.append(dict(scope["headers"]))
            await app(scope, receive, send)

        return noting
