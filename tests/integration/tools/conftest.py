import asyncio

import pytest
from mcp_tools import make_server
from tool_servers import Caller, HttpServer, Pipe, programs


@pytest.fixture
async def start():
    """Makes servers, and sees to it that nothing of them is left."""
    made = []

    def make(config, **options):
        made.append(Caller(config, **options))
        return made[-1]

    yield make
    await asyncio.gather(*(caller.server.close() for caller in made))
    assert programs() == []


@pytest.fixture
def begun(tmp_path):
    return Pipe(tmp_path / "begun")


@pytest.fixture(params=["streamed", "whole"])
async def http(request):
    """A server over HTTP that streams its answers, or sends each whole."""
    server = HttpServer(
        lambda: make_server().streamable_http_app(json_response=request.param == "whole")
    )
    async with server:
        yield server
