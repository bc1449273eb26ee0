"""MCP servers over HTTP: in order, hanging, gone, and not what they should be."""

import asyncio

import pytest
from mcp_tools import make_server
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tool_servers import HttpServer, Limits

from orchestrator.errors import ToolUnavailable
from orchestrator.tools.configuration import ServerConfig


async def test_tools_are_listed_and_called_with_the_headers_that_are_set(start, http):
    config = ServerConfig(url=http.url, headers={"Authorization": "Bearer sesame"})
    caller = start(config)

    listing = await caller.server.listing()
    results = await asyncio.gather(*(caller.call("add", a=n, b=n) for n in range(5)))

    assert "test__add" in listing.offers
    assert [result.text for result in results] == ["0", "2", "4", "6", "8"]
    assert {headers[b"authorization"] for headers in http.headers} == {b"Bearer sesame"}


async def test_a_server_over_sse_is_called_with_the_headers_that_are_set(start):
    async with HttpServer(lambda: make_server().sse_app()) as server:
        url = server.url.replace("/mcp", "/sse")
        headers = {"Authorization": "Bearer sesame"}
        caller = start(ServerConfig(url=url, transport="sse", headers=headers))

        assert "test__add" in (await caller.server.listing()).offers
        results = await asyncio.gather(*(caller.call("add", a=n, b=n) for n in range(5)))
        assert [result.text for result in results] == ["0", "2", "4", "6", "8"]
        assert {headers[b"authorization"] for headers in server.headers} == {b"Bearer sesame"}
        await caller.server.close()


async def test_a_tool_that_fails_is_an_error_for_the_worker(start, http):
    caller = start(ServerConfig(url=http.url))

    failing = await caller.call("fail")
    unknown = await caller.call("time_travel")
    misused = await caller.call("add", a="one")

    assert failing.is_error
    assert failing.text == "Error executing tool fail"
    assert unknown.is_error
    assert "time_travel" in unknown.text
    assert misused.is_error


async def test_a_picture_is_kept_as_a_file(start, http):
    result = await start(ServerConfig(url=http.url)).call("draw")

    (file,) = result.files
    assert (file.name, file.content, file.mimetype) == ("draw-1.png", b"a picture", "image/png")
    assert "Here it is." in result.text
    assert "draw-1.png" in result.text


async def test_a_result_of_ten_megabytes_is_cut_over_http_too(start, http):
    result = await start(ServerConfig(url=http.url, result_tokens=100)).call("big")

    assert not result.is_error
    assert len(result.text) < 500


async def test_a_call_that_hangs_over_http_harms_no_other(start, http, begun):
    limits = Limits()
    caller = start(ServerConfig(url=http.url, call_timeout_s=3), limited=limits)
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    assert (await caller.call("add", a=1, b=2)).text == "3"
    limits.expire(0)
    assert (await hanging).text == "hang gave no answer within 3 seconds."
    assert (await caller.call("add", a=1, b=2)).text == "3"


async def test_a_server_that_is_gone_in_the_middle_is_an_error_and_comes_back(start, http, begun):
    caller = start(ServerConfig(url=http.url), first_delay_s=0)
    hanging = asyncio.create_task(caller.call("hang", begun=str(begun)))
    await begun.wait()

    await http.stop()

    assert (await hanging).is_error
    assert (await caller.call("add", a=1, b=2)).is_error
    await http.start()
    assert (await caller.call("add", a=1, b=2)).text == "3"


async def test_a_server_that_has_forgotten_us_in_between_is_not_noticed(start):
    async with HttpServer(lambda: Sessions(make_server().streamable_http_app())) as server:
        caller = start(ServerConfig(url=server.url))
        assert (await caller.call("add", a=1, b=2)).text == "3"

        await server.stop()
        await server.start()

        assert (await caller.call("add", a=1, b=2)).text == "3"
        assert b"mcp-session-id" in server.headers[-1]


class Sessions:
    """The app as older servers have it, with a session and without `server/discover`."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        message = await receive()
        if b"server/discover" in message["body"]:
            await PlainTextResponse("", 404)(scope, receive, send)
            return
        body = iter([message])

        async def again():
            return next(body, None) or await receive()

        await self.app(scope, again, send)


async def test_an_address_where_nobody_listens_is_told(start):
    # Nothing listens on the port for discarding.
    caller = start(ServerConfig(url="http://127.0.0.1:9/mcp"))

    with pytest.raises(ToolUnavailable, match="its address could not be reached"):
        await caller.server.listing()


async def test_a_server_that_does_not_let_us_in_is_told_by_its_status(start):
    async def refuse(_):
        return PlainTextResponse("Who are you?", 401)

    async with HttpServer(lambda: Starlette(routes=[Route("/mcp", refuse, methods=["POST"])])) as s:
        with pytest.raises(ToolUnavailable, match="it answered with the HTTP status 401"):
            await start(ServerConfig(url=s.url)).server.listing()


async def test_a_web_page_is_no_tool_server(start):
    async def page(_):
        return PlainTextResponse("Welcome to the hotel network")

    async with HttpServer(lambda: Starlette(routes=[Route("/mcp", page, methods=["POST"])])) as s:
        with pytest.raises(ToolUnavailable, match="it answered: Unexpected content type"):
            await start(ServerConfig(url=s.url)).server.listing()


async def test_a_server_that_never_answers_is_not_ready_in_time(start):
    async def silence(_, writer):
        await held.wait()
        writer.close()

    held = asyncio.Event()
    async with await asyncio.start_server(silence, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        caller = start(ServerConfig(url=f"http://127.0.0.1:{port}/mcp", start_timeout_s=0.5))
        with pytest.raises(ToolUnavailable, match=r"not ready within 0\.5 seconds"):
            await caller.server.listing()
        held.set()
