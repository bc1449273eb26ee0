"""An MCP server as a program of its own, with tools that break in every way.

`python mcp_program.py [slow|crash|shout]`: not ready in time, ends at once, or writes no protocol.
BEGUN in the environment, and the argument `begun` of tools, are pipes to tell of the beginning.
"""

import asyncio
import os
import sys
import time
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
    _tell(begun)
    await asyncio.sleep(3600)
    return "late"


async def freeze(begun: str = "") -> str:
    """Never answers, and lets nobody answer."""
    _tell(begun)
    time.sleep(3600)  # noqa: ASYNC251 - that is what it is for
    return "late"


def _tell(pipe):
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


def main():
    _tell(os.environ.get("BEGUN"))
    behaviour = sys.argv[1] if len(sys.argv) > 1 else ""
    if behaviour == "slow":
        time.sleep(3600)
    if behaviour == "crash":
        sys.exit("no licence for key sesame-open-up")
    if behaviour == "shout":
        os.write(1, b"HELLO\n")
    make_server().run()


if __name__ == "__main__":
    main()
