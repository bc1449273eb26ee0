"""The server of the local workspace: Slack's Web API, Socket Mode and the page."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from bot.localslack import admin_api, oauth_page, person_api, seed, web_api
from bot.localslack.companies import Companies
from bot.localslack.composer import typed
from bot.localslack.errors import PersonError, PortInUse
from bot.localslack.guard import Guard
from bot.localslack.ids import Clock
from bot.localslack.manifest import read_manifest
from bot.localslack.other_apps import WORKFLOWS
from bot.localslack.person import Person
from bot.localslack.recorder import Call
from bot.localslack.seen import JsonObject, Message, Thread
from bot.localslack.storage import Storage
from bot.localslack.tenants import Team
from bot.localslack.welcome import NO_WELCOME, Welcome
from bot.localslack.workspace import WEB, Workspace, build_workspace

HOST = "127.0.0.1"
DEFAULT_MANIFEST = Path(__file__).parents[2] / "manifest.yml"
_SHUTDOWN_S = 2
_MOST_BODY = 60_000_000


def create_app(
    storage: Storage,
    *,
    base_url: str,
    manifest: Path | None = DEFAULT_MANIFEST,
    clock: Clock = time.time,
    ack_timeout_s: float = 3.0,
    welcome: Welcome = NO_WELCOME,
) -> Starlette:
    """The application over that storage; `app.state.workspace` is the workspace."""
    app = Starlette(
        routes=[
            *web_api.ROUTES,
            *person_api.ROUTES,
            *admin_api.ROUTES,
            *oauth_page.ROUTES,
            WebSocketRoute("/link/", _link),
            Route("/", _page),
            Route("/archives/{rest:path}", _page),
            Mount("/static", StaticFiles(directory=WEB, check_dir=False)),
        ],
        middleware=[Middleware(Guard)],
        max_body_size=_MOST_BODY,
    )
    app.state.workspace = build_workspace(
        storage,
        base_url,
        read_manifest(manifest),
        clock=clock,
        ack_timeout_s=ack_timeout_s,
        welcome=welcome,
    )
    return app


@dataclass(frozen=True, slots=True)
class LocalSlack:
    """A running local workspace, for tests: `async with LocalSlack.start(...) as workspace`."""

    url: str
    workspace: Workspace
    session: aiohttp.ClientSession
    bot_token: str = seed.BOT_TOKEN
    app_token: str = seed.APP_TOKEN

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        port: int = 0,
        data: Path | None = None,
        *,
        manifest: Path | None = DEFAULT_MANIFEST,
        clock: Clock = time.time,
        ack_timeout_s: float = 3.0,
        welcome: Welcome = NO_WELCOME,
    ) -> AsyncIterator[LocalSlack]:
        """Run a workspace in this event loop. `port` 0 takes any free one.

        It is kept in the folder `data`, or forgotten where that is None. `manifest` is the app's
        own, or None for an app that may do everything; `welcome` is what the page says of it.
        Raises `PortInUse`.
        """
        with contextlib.ExitStack() as stack:
            folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            listener = stack.enter_context(_listen(port))
            url = _url(listener)
            storage = stack.enter_context(contextlib.closing(Storage(folder)))
            app = create_app(
                storage,
                base_url=url,
                manifest=manifest,
                clock=clock,
                ack_timeout_s=ack_timeout_s,
                welcome=welcome,
            )
            async with _running(_TestServer(app), listener), aiohttp.ClientSession() as session:
                yield cls(url, app.state.workspace, session)

    @property
    def api_url(self) -> str:
        """What `SLACK_API_URL` should be."""
        return f"{self.url}/api/"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def calls(self) -> list[Call]:
        """The last thousand Web API calls, oldest first."""
        return list(self.workspace.recorder.calls)

    @property
    def refused(self) -> list[Call]:
        """Those of them that were answered with an error."""
        return [call for call in self.calls if call.error is not None]

    @property
    def companies(self) -> Companies:
        """Adds partners, organisations, guests and shared channels."""
        return self.workspace.companies

    def person(self, name: str, company: Team | None = None) -> Person:
        """A person by name, first name or id, of this workspace or of a `company`.

        Raises `PersonError`.
        """
        user = self.workspace.directory.person(name, *([company] if company else []))
        return Person(self.url, user["id"], user["real_name"], self.session)

    async def deliver_to(self, url: str | None) -> None:
        """Send everything to that request URL from now on, or with None over Socket Mode again.

        Raises `PersonError` where it does not answer Slack's challenge.
        """
        await self.workspace.delivery.request_url.set(url)

    async def fault(self, **trouble: Any) -> None:
        """Arrange a trouble, such as `method="chat.update", error="ratelimited"`.

        Also `channel`, `status`, `times` (None: until cleared), `lose_answer`, and the switches
        `duplicate_events`, `without_previous`, `delay_ms`, `drop_socket`, `disconnect`, `clear`.
        Raises `PersonError`.
        """
        await self._send("faults", trouble)

    async def app_posts(
        self,
        channel: str,
        text: str = "",
        *,
        app: str = "Alerts",
        blocks: list[JsonObject] | None = None,
        attachments: list[JsonObject] | None = None,
        thread: Thread | Message | None = None,
        webhook: bool = False,
    ) -> Message:
        """Post as another app, of which each name is one; with `webhook` as webhooks do.

        Raises `PersonError`.
        """
        content: JsonObject = {"text": text, "blocks": blocks, "attachments": attachments}
        place = {} if thread is None else {"thread_ts": _parent(thread)}
        body = {"channel": channel, "app": app, "webhook": webhook, **content, **place}
        return Message((await self._admin("posts", body))["message"])

    async def workflow_posts(
        self, channel: str, text: str, *, thread: Thread | Message | None = None
    ) -> Message:
        """Post as a workflow does: text and `rich_text`, and no user. Raises `PersonError`."""
        content = typed(self.workspace.directory.as_slack_text(text, seed.ADA))
        return await self.app_posts(channel, app=WORKFLOWS, webhook=True, thread=thread, **content)

    async def unfurl(self, message: Message, attachments: list[JsonObject]) -> None:
        """Draw attachments below a message, as Slack does for links. Raises `PersonError`."""
        where = {"channel": message.channel, "ts": message.ts}
        await self._admin("unfurls", {**where, "attachments": attachments})

    async def wait_connected(self, timeout: float = 5.0) -> None:
        """Return when a bot is connected; raises TimeoutError."""
        await self.workspace.sockets.wait_connected(timeout)

    async def wait_for_call(
        self,
        method: str,
        matches: Callable[[Call], bool] = lambda _call: True,
        timeout: float = 5.0,
    ) -> Call:
        """The first recorded call of that method that matches; raises TimeoutError."""

        def found() -> list[Call]:
            return [call for call in self.calls if call.method == method and matches(call)]

        await self.workspace.recorder.wait_for(lambda: bool(found()), timeout)
        return found()[0]

    async def _admin(self, path: str, body: JsonObject) -> JsonObject:
        return await self._send(f"admin/{path}", body)

    async def _send(self, path: str, body: JsonObject) -> JsonObject:
        async with self.session.post(f"{self.url}/local/{path}", json=body) as response:
            answer: JsonObject = await response.json()
            if not answer["ok"]:
                raise PersonError(answer["error"], answer["message"], response.status)
            return answer


async def serve(
    port: int, data: Path, manifest: Path | None, welcome: Welcome = NO_WELCOME
) -> None:
    """Run the workspace kept in the folder `data` until it is interrupted.

    Raises `PortInUse` where another program has the port.
    """
    with (
        _listen(port) as listener,
        contextlib.closing(Storage(data)) as storage,
    ):
        app = create_app(storage, base_url=_url(listener), manifest=manifest, welcome=welcome)
        server = _Server(app)
        try:
            await server.serve([listener])
        except asyncio.CancelledError:
            # A cancelled server does not shut down by itself.
            if server.started:
                await server.shutdown([listener])
            raise


class _Server(uvicorn.Server):
    """A server that lets go of open streams when it stops."""

    def __init__(self, app: Starlette):
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        super().__init__(config)
        self._workspace: Workspace = app.state.workspace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        await self._workspace.close()
        await super().shutdown(sockets)


class _TestServer(_Server):
    """Leaves the signals to whoever runs the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready.set()

    def __init__(self, app: Starlette):
        super().__init__(app)
        self.ready = asyncio.Event()


@contextlib.asynccontextmanager
async def _running(server: _TestServer, listener: socket.socket) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve([listener]))
    async with asyncio.timeout(10):
        await server.ready.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port) from error
        raise
    return listener


def _parent(thread: Thread | Message) -> str:
    return thread.ts if isinstance(thread, Thread) else thread.thread_ts or thread.ts


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


async def _link(websocket: WebSocket) -> None:
    workspace: Workspace = websocket.app.state.workspace
    await workspace.sockets.serve(websocket)


async def _page(_request: Request) -> Response:
    page = WEB / "index.html"
    if not page.is_file():
        return PlainTextResponse("The workspace is running. Its page is not installed.")
    return FileResponse(page)
