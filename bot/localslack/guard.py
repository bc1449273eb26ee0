"""Keeps other web sites out: a page in the same browser may not use the local workspace."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

_HERE = ("127.0.0.1", "localhost", "::1")


class Guard:
    """Refuses requests made under a foreign name (DNS rebinding) or from a foreign page."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or is_local(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)
        else:
            body = {
                "ok": False,
                "error": "foreign_origin",
                "message": "Only pages of this workspace may do that.",
            }
            await JSONResponse(body, 403)(scope, receive, send)


def is_local(headers: Headers) -> bool:
    """Whether a request was addressed to this machine, and came from no other site's page."""
    host = headers.get("host", "")
    try:
        if urlsplit(f"//{host}").hostname not in _HERE:
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False
