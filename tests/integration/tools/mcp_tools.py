"""An MCP server with tools that break in every way.

The argument `begun` of tools is a pipe to tell of the beginning.
"""

import asyncio
import os
import threading
from base64 import b64encode
from pathlib import Path

from mcp.server import MCPServer
from mcp.types import ImageContent, TextContent, ToolAnnotations

READS = ToolAnnotations(read_only_hint=True)
BIG = 10_000_000


def make_server():
    """The server, for a program's pipes as well as for HTTP."""
    server = MCPServer("test", log_level="CRITICAL")
    server.add_tool(add, annotations=READS)
    server.add_tool(process, annotations=READS)
    server.add_tool(fail, annotations=READS)
    server.add_tool(hang)
    server.add_tool(freeze)
    server.add_tool(big, structured_output=False)
    server.add_tool(die)
    server.add_tool(draw, structured_output=False)
    server.add_tool(variable)
    return server


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def process() -> int:
    return os.getpid()


def fail() -> str:
    raise RuntimeError("boom")


async def hang(begun: str = "") -> str:
    """Never answers, and lets others answer."""
    tell(begun)
    await asyncio.Event().wait()
    return "late"


async def freeze(begun: str = "") -> str:
    """Never answers, and lets nobody answer."""
    tell(begun)
    threading.Event().wait()
    return "late"


def tell(pipe):
    if pipe:
        Path(pipe).write_text("begun")


def big() -> str:
    return "b" * BIG


def die() -> str:
    os.write(2, b"out of cheese\n")
    os._exit(3)


def draw() -> list[TextContent | ImageContent]:
    image = ImageContent(type="image", data=b64encode(b"a picture").decode(), mime_type="image/png")
    return [TextContent(type="text", text="Here it is."), image]


def variable(wanted: str) -> str:
    return os.environ.get(wanted, "not set")
