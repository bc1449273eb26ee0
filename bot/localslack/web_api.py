"""Slack's Web API over HTTP: tokens, faults, rates, and a record of every call."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.localslack import seed
from bot.localslack.errors import ApiError
from bot.localslack.faults import Fault
from bot.localslack.methods import METHODS, ApiCall, Method
from bot.localslack.methods.files import bot_may_see
from bot.localslack.rates import Usage
from bot.localslack.recorder import Call
from bot.localslack.storage import JsonObject
from bot.localslack.tenants import Installation
from bot.localslack.workspace import Workspace

_SECRETS = ("client_secret", "code")
_SIGN_IN = "<!DOCTYPE html><html><title>Sign in</title><p>Please sign in to your workspace.</html>"


@dataclass(slots=True)
class _Answered:
    """What came of a call; `bot` and `usage` are known once token and limit were looked at."""

    workspace: Workspace
    name: str
    arguments: JsonObject
    usage: Usage | None = None
    bot: str | None = None

    def record(self, error: ApiError | None = None) -> None:
        """Keep it for those who look."""
        here = self.workspace
        code, problems, wait_s = _reason(error)
        arguments = {name: self.arguments[name] for name in self.arguments if name not in _SECRETS}
        here.recorder.add(
            Call(self.name, arguments, here.clock(), code, problems, self.usage, wait_s, self.bot)
        )


async def call_method(request: Request) -> Response:
    """Any method. Slack answers errors with status 200, but for rate limits."""
    workspace: Workspace = request.app.state.workspace
    name = request.path_params["method"]
    try:
        arguments = await _arguments(request, METHODS.get(name)) | _client(request)
    except ApiError as error:
        return _refusal(error)
    token = _token(request, arguments)
    await workspace.faults.travel()
    call = _Answered(workspace, name, arguments)
    fault = workspace.faults.take(name, arguments.get("channel"))
    try:
        if fault is not None and not fault.lose_answer:
            _strike(fault)
        answer = _run(call, token)
    except ApiError as error:
        call.record(error)
        return _refusal(error)
    call.record()
    if fault is not None:
        return PlainTextResponse("Internal Server Error", fault.status)
    scopes = ",".join(sorted(workspace.manifest.scopes or ()))
    return JSONResponse({"ok": True, **answer}, headers={"x-oauth-scopes": scopes})


async def upload(request: Request) -> Response:
    """The bytes of a file, to the URL files.getUploadURLExternal gave out."""
    workspace: Workspace = request.app.state.workspace
    content = await _uploaded(request)
    try:
        workspace.files.receive(request.path_params["ticket"], content)
    except ApiError as error:
        return PlainTextResponse(error.code, error.status)
    return PlainTextResponse(f"OK - {len(content)}")


async def download(request: Request) -> Response:
    """A file's bytes for the bot; others are asked to sign in, with status 200, as Slack does."""
    workspace: Workspace = request.app.state.workspace
    bot = workspace.tenants.of_token(_token(request, {}) or "")
    if bot is None or bot.token_problem(_token(request, {})):
        return Response(_SIGN_IN, media_type="text/html")
    if not workspace.manifest.allows("files:read"):
        return Response(_SIGN_IN, media_type="text/html")
    file = workspace.files.find(request.path_params["file"].rpartition("-")[2])
    if file is None or not bot_may_see(workspace, bot, file):
        return PlainTextResponse("file_not_found", 404)
    content = workspace.files.content(file).read_bytes()
    return Response(content, media_type=file["mimetype"])


async def respond(request: Request) -> Response:
    """What the bot posts to a response_url."""
    workspace: Workspace = request.app.state.workspace
    call = _Answered(workspace, "response_url", {})
    try:
        call.arguments = await _json(request)
        workspace.response_urls.respond(request.path_params["key"], call.arguments)
    except ApiError as error:
        call.record(error)
        status = error.status if error.status != 200 else 400
        return JSONResponse({"ok": False, "error": error.code}, status)
    call.record()
    return PlainTextResponse("ok")


def _run(answered: _Answered, token: str | None) -> JsonObject:
    workspace, name = answered.workspace, answered.name
    method = METHODS.get(name)
    if method is None:
        raise ApiError("unknown_method")
    caller = _caller(workspace, method, token)
    answered.bot = caller.bot_user if caller else None
    call = ApiCall(workspace, name, answered.arguments, caller)
    call.needs(*method.scopes)
    channel, tenant = call.optional("channel") or "", answered.bot or ""
    answered.usage = workspace.rates.take(name, method.rate, channel, tenant)
    return method.run(call)


def _caller(workspace: Workspace, method: Method, token: str | None) -> Installation | None:
    """Whose token it is; nobody's where the method takes none or the app's own."""
    if method.caller is None:
        return None
    if not token:
        raise ApiError("not_authed")
    bot = workspace.tenants.of_token(token)
    if bot is None and token != seed.APP_TOKEN:
        raise ApiError("invalid_auth")
    if (bot is None) != (method.caller == "app"):
        raise ApiError("not_allowed_token_type")
    problem = bot.token_problem(token) if bot is not None else None
    if problem:
        raise ApiError(problem)
    return bot


def _token(request: Request, arguments: JsonObject) -> str | None:
    in_body = arguments.pop("token", None)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else in_body


def _client(request: Request) -> JsonObject:
    """The app's own id and secret, which it may send as user and password."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(given).decode().partition(":")
    except ValueError as error:
        raise ApiError("invalid_auth") from error
    return {"client_id": client_id, "client_secret": secret}


def _strike(fault: Fault) -> None:
    limited = fault.error == "ratelimited" or fault.status == 429
    raise ApiError(
        fault.error or ("ratelimited" if limited else "internal_error"),
        status=fault.status,
        retry_after_s=fault.retry_after_s if limited else None,
    )


def _reason(error: ApiError | None) -> tuple[str | None, tuple[str, ...], int | None]:
    return (None, (), None) if error is None else (error.code, error.problems, error.retry_after_s)


def _refusal(error: ApiError) -> Response:
    body: dict[str, Any] = {"ok": False, "error": error.code, **error.extra}
    if error.problems:
        body["response_metadata"] = {"messages": list(error.problems)}
        body["errors"] = [problem.removeprefix("[ERROR] ") for problem in error.problems]
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse(body, error.status, headers)


async def _arguments(request: Request, method: Method | None) -> JsonObject:
    arguments: JsonObject = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        takes_json = method is None or method.json
        return arguments | (await _json(request) if takes_json else {})
    if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        async with request.form() as form:
            arguments |= {key: value for key, value in form.items() if isinstance(value, str)}
    return arguments


async def _json(request: Request) -> JsonObject:
    content = await request.body()
    try:
        body = json.loads(content) if content else {}
    except ValueError as error:
        raise ApiError("invalid_json") from error
    if not isinstance(body, dict):
        raise ApiError("json_not_object")
    return body


async def _uploaded(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        for value in form.values():
            if not isinstance(value, str):
                return await value.read()
    return b""


ROUTES = [
    Route("/api/{method}", call_method, methods=["GET", "POST"]),
    Route("/upload/v1/{ticket}", upload, methods=["POST"]),
    Route("/files-pri/{file}/{name}", download),
    Route("/files-pri/{file}/download/{name}", download),
    Route("/actions/{team}/{key}", respond, methods=["POST"]),
]
