"""A local server that speaks the Messages API, and breaks in every way it is told to."""

import asyncio
import json
import socket
from collections import deque
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

USAGE = {"input_tokens": 10, "output_tokens": 5}


def message(*blocks, stop_reason="end_turn", usage=USAGE, **fields):
    """An answer; plain strings are text blocks."""
    content = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-20261001",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
        **fields,
    }


def tool_use(name="ask_person", id_="toolu_1", **input_):
    return {"type": "tool_use", "id": id_, "name": name, "input": input_}


def ran(*ids, kind="bash_code_execution", stdout=""):
    """The result of code that made the files with these ids."""
    made = [{"type": f"{kind}_output", "file_id": id_} for id_ in ids]
    result = {
        "type": f"{kind}_result",
        "content": made,
        "return_code": 0,
        "stdout": stdout,
        "stderr": "",
    }
    return {"type": f"{kind}_tool_result", "tool_use_id": "s", "content": result}


def error(status, type_="api_error", message="it broke, key sk-secret", code=None, headers=None):
    """An error as the service words it."""
    details = {"details": {"error_code": code}} if code else {}
    body = {"type": "error", "error": {"type": type_, "message": message, **details}}
    return JSONResponse(body, status, headers={"request-id": "req_1", **(headers or {})})


def html(status=200):
    return Response("<html>sign in to the hotel network</html>", status, media_type="text/html")


def not_json():
    return Response('{"id": "msg_1", "content": [', media_type="application/json")


def json_body(body, status=200):
    return JSONResponse(body, status)


def events_of(answer):
    """The events of a streamed `answer`, text in pieces of three characters."""
    start = {**answer, "content": [], "stop_reason": None}
    start["usage"] = {**answer["usage"], "output_tokens": 1}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(answer["content"]):
        yield from _block_events(index, block)
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    yield {
        "type": "message_delta",
        "delta": {**delta, "stop_details": answer.get("stop_details")},
        "usage": {"output_tokens": answer["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _block_events(index, block):
    if block["type"] == "text":
        text = block["text"]
        first = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": text[n : n + 3]} for n in range(0, len(text), 3)]
    elif block["type"] == "tool_use":
        first = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    else:
        first, deltas = block, []
    yield {"type": "content_block_start", "index": index, "content_block": first}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


@dataclass
class Stream:
    """A streamed answer. After `cut` events, what `then` says: end, error, abort, stall, junk."""

    answer: dict
    cut: int | None = None
    then: str = "end"
    headers: dict | None = None

    def response(self, released):
        return StreamingResponse(
            self._body(released), headers=self.headers, media_type="text/event-stream"
        )

    async def _body(self, released):
        for number, event in enumerate(events_of(self.answer)):
            if number == self.cut:
                break
            yield _sse(event)
        if self.then == "error":
            yield _sse(OVERLOADED)
        elif self.then == "junk":
            yield "event: content_block_delta\ndata: {not json\n\n"
        elif self.then == "abort":
            raise ConnectionAbortedError
        elif self.then == "stall":
            await released.wait()


def _sse(event):
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


class Stall:
    """No answer at all until the test is over."""


class MessagesService:
    """Gives its answers one after the other; a function is asked, the last answer is kept."""

    def __init__(self):
        self.begin()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        # From here on connections wait in line, so nobody has to wait for the start.
        self._socket.listen()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def begin(self):
        """Forget the requests and answers of the test before."""
        self.requests = []
        self.headers = []
        self.files = {}
        self.fetched = []
        self.arrived = asyncio.Event()
        self._answers = deque()
        self._released = asyncio.Event()

    def release(self):
        """Let go of what stalls."""
        self._released.set()

    def answers(self, *answers):
        self._answers = deque(answers)

    async def __aenter__(self):
        routes = [
            Route("/v1/messages", self._messages, methods=["POST"]),
            Route("/v1/files/{id}", self._about_file),
            Route("/v1/files/{id}/content", self._file),
        ]
        app = Starlette(routes=routes)
        config = uvicorn.Config(app, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self

    async def __aexit__(self, *exc_info):
        self._server.should_exit = True
        await self._task

    async def _about_file(self, request: Request):
        id_ = request.path_params["id"]
        self.fetched.append(id_)
        name, kind, content = self.files.get(id_, ("", "", error(404, "not_found_error")))
        if isinstance(content, Response):
            return content
        about = {"id": id_, "type": "file", "created_at": "2026-11-01T12:00:00Z"}
        size = len(content)
        return JSONResponse({**about, "filename": name, "mime_type": kind, "size_bytes": size})

    async def _file(self, request: Request):
        _, kind, content = self.files[request.path_params["id"]]
        return Response(content, media_type=kind)

    async def _messages(self, request: Request):
        body = await request.json()
        self.requests.append(body)
        self.headers.append(request.headers)
        self.arrived.set()
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.popleft()
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(body)
        released = self._released
        if isinstance(answer, Stall):
            await released.wait()
            return Response(status_code=503)
        if isinstance(answer, dict):
            answer = Stream(answer) if body.get("stream") else JSONResponse(answer)
        return answer.response(released) if isinstance(answer, Stream) else answer
