"""Delivery over HTTP: signatures, the challenge, and retries as Slack makes them."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import pytest
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from bot.listening import listening
from bot.localslack import PersonError, seed


class Endpoint:
    """An app's request URL that notes what it is sent, and says what it was told to."""

    def __init__(self):
        self.seen = asyncio.Queue()
        self.statuses = []
        self.headers = {}
        self.says = ""
        self.challenge = None

    async def answer(self, request):
        body = (await request.body()).decode()
        verifier = SignatureVerifier(seed.SIGNING_SECRET)
        assert verifier.is_valid_request(body, dict(request.headers))
        if request.headers["content-type"].startswith("application/json"):
            said = json.loads(body)
            if said["type"] == "url_verification":
                return JSONResponse({"challenge": self.challenge or said["challenge"]})
        await self.seen.put((dict(request.headers), body))
        status = self.statuses.pop(0) if self.statuses else 200
        return PlainTextResponse(self.says, status, headers=self.headers)

    async def next(self):
        return await asyncio.wait_for(self.seen.get(), 5)


@asynccontextmanager
async def served(endpoint):
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    async with listening(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"


@pytest.fixture
async def endpoint(workspace):
    endpoint = Endpoint()
    async with served(endpoint.answer) as url:
        workspace.workspace.delivery.request_url.retries_s = (0.0, 0.0, 0.0)
        await workspace.deliver_to(url)
        yield endpoint
        await workspace.deliver_to(None)


async def test_an_event_is_a_signed_request(endpoint, ada):
    await ada.post("general", "hello")
    headers, body = await endpoint.next()
    assert json.loads(body)["event"]["text"] == "hello"
    assert abs(int(headers["x-slack-request-timestamp"]) - time.time()) < 60
    assert "x-slack-retry-num" not in headers


async def test_an_event_is_tried_four_times(endpoint, ada):
    endpoint.statuses = [500, 404, 302, 503]
    await ada.post("general", "hello")
    sent = [await endpoint.next() for _ in range(4)]
    numbers = [headers.get("x-slack-retry-num") for headers, _ in sent]
    reasons = [headers.get("x-slack-retry-reason") for headers, _ in sent]
    assert numbers == [None, "1", "2", "3"]
    assert reasons == [None, "http_error", "http_error", "http_error"]
    assert len({json.loads(body)["event_id"] for _, body in sent}) == 1
    await ada.post("general", "again")
    assert json.loads((await endpoint.next())[1])["event"]["text"] == "again"


async def test_an_event_that_was_taken_is_not_sent_again(endpoint, ada):
    endpoint.statuses = [500, 200]
    await ada.post("general", "hello")
    await endpoint.next()
    await endpoint.next()
    await ada.post("general", "again")
    assert json.loads((await endpoint.next())[1])["event"]["text"] == "again"


async def test_an_app_may_refuse_retries(endpoint, ada):
    endpoint.statuses, endpoint.headers = [500], {"x-slack-no-retry": "1"}
    await ada.post("general", "hello")
    await endpoint.next()
    await ada.post("general", "again")
    assert json.loads((await endpoint.next())[1])["event"]["text"] == "again"


async def test_an_app_that_is_slow_is_asked_again_and_told_why(workspace, ada):
    asked, answer = asyncio.Queue(), asyncio.Event()

    async def slow(request):
        body = json.loads(await request.body())
        if body["type"] == "url_verification":
            return JSONResponse({"challenge": body["challenge"]})
        await asked.put(request.headers.get("x-slack-retry-reason"))
        await answer.wait()
        return PlainTextResponse("")

    async with served(slow) as url:
        way = workspace.workspace.delivery
        await workspace.deliver_to(url)
        way.request_url.retries_s = (0.0, 0.0, 0.0)
        way.wait_for_acks(0.05)
        await ada.post("general", "hello")
        assert await asyncio.wait_for(asked.get(), 5) is None
        assert await asyncio.wait_for(asked.get(), 5) == "http_timeout"
        answer.set()
        await workspace.deliver_to(None)


async def test_what_was_not_taken_comes_with_the_next_url(workspace, ada):
    await ada.post("general", "nobody listens")
    endpoint = Endpoint()
    async with served(endpoint.answer) as url:
        await workspace.deliver_to(url)
        assert json.loads((await endpoint.next())[1])["event"]["text"] == "nobody listens"
        await workspace.deliver_to(None)


async def test_a_url_that_does_not_answer_the_challenge_is_not_taken(workspace):
    endpoint = Endpoint()
    endpoint.challenge = "another"
    async with served(endpoint.answer) as url:
        with pytest.raises(PersonError, match="url_not_verified"):
            await workspace.deliver_to(url)
    assert not workspace.workspace.delivery.request_url.is_set


async def test_a_command_is_a_form_and_may_be_answered_with_text(endpoint, ada):
    endpoint.says = "nothing yet"
    await ada.command("/runs", "all", channel="general")
    _, body = await endpoint.next()
    sent = dict(parse_qsl(body, keep_blank_values=True))
    assert (sent["command"], sent["text"], sent["team_id"]) == ("/runs", "all", seed.TEAM_ID)
    assert (await ada.ephemerals("general"))[0].text == "nothing yet"


async def test_a_shortcut_is_a_form_with_a_payload(endpoint, ada):
    await ada.shortcut("start")
    _, body = await endpoint.next()
    assert json.loads(dict(parse_qsl(body))["payload"])["callback_id"] == "start"


@pytest.mark.parametrize(("status", "code"), [(500, "bot_error"), (404, "bot_error")])
async def test_a_person_is_told_when_the_app_fails(endpoint, ada, status, code):
    endpoint.statuses = [status]
    with pytest.raises(PersonError, match=code):
        await ada.shortcut("start")


async def test_a_person_is_told_when_the_app_is_not_there(workspace, ada):
    endpoint = Endpoint()
    async with served(endpoint.answer) as url:
        await workspace.deliver_to(url)
    with pytest.raises(PersonError, match="bot_offline"):
        await ada.shortcut("start")


async def test_bolt_takes_it(workspace, ada):
    seen = asyncio.Queue()
    app = AsyncApp(
        signing_secret=seed.SIGNING_SECRET,
        client=None,
        token=workspace.bot_token,
        authorize=None,
    )
    app.client.base_url = workspace.api_url

    @app.event("app_mention")
    async def mentioned(event, say):
        await seen.put(event)
        await say("hello back")

    handler = AsyncSlackRequestHandler(app)
    async with served(handler.handle) as url:
        await workspace.deliver_to(url)
        said = await ada.mention("general", "hello")
        assert (await asyncio.wait_for(seen.get(), 5))["ts"] == said.ts
        await ada.wait_for("general", lambda message: message.text == "hello back")
        await workspace.deliver_to(None)
