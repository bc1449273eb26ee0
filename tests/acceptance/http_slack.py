"""Slack as an app over HTTP meets it: signed requests, OAuth, and many workspaces at one address.

Each workspace is a local one. What it would send over Socket Mode is signed and posted to the
bot; what the bot asks of the Web API goes to the workspace of its token. All local workspaces are
made alike, with the same people and channels: only the id of the team tells them apart.
"""

import asyncio
import json
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.listening import listening
from bot.localslack import seed
from bot.localslack.server import LocalSlack

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CLIENT = ("12345.6789", "client-secret")


@dataclass
class Tenant:
    """A workspace: its team id, its tokens, and what the bot called there.

    With `is_org` the app is installed by the whole organisation it belongs to.
    """

    team_id: str
    slack: LocalSlack
    enterprise_id: str | None = None
    is_org: bool = False
    tokens: list = field(default_factory=list)
    revoked: set = field(default_factory=set)
    calls: list = field(default_factory=list)

    def person(self, name):
        return self.slack.person(name)

    def new_token(self):
        self.tokens.append(f"xoxb-{self.team_id}-{len(self.tokens) + 1}")
        return self.tokens[-1]

    def count(self, method):
        return sum(called == method for called in self.calls)

    def there(self, content):
        return content.replace(self.team_id, seed.TEAM_ID)

    def in_organisation(self, payload):
        """As a workspace of an organisation sends it, which may have the app as a whole."""
        if self.enterprise_id is None:
            return payload
        for each in payload.get("authorizations", []):
            each["enterprise_id"] = self.enterprise_id
            if self.is_org:
                each |= {"team_id": None, "is_enterprise_install": True}
        if "enterprise" not in payload:
            more = {"is_enterprise_install": "true"} if self.is_org else {}
            return payload | {"enterprise_id": self.enterprise_id} | more
        more = {"is_enterprise_install": True, "team": None} if self.is_org else {}
        return payload | {"enterprise": {"id": self.enterprise_id}} | more

    def here(self, content):
        return content.replace(seed.TEAM_ID, self.team_id)


class HttpSlack:
    """The Web API of all tenants, and the sender of their events. Get one from `open`."""

    def __init__(self, session):
        self.session = session
        self.tenants = {}
        self.codes = {}
        self.url = ""
        self.bot_url = ""

    @property
    def api_url(self):
        return f"{self.url}/api/"

    @classmethod
    @asynccontextmanager
    async def open(cls, *tenants):
        async with AsyncExitStack() as stack:
            here = cls(await stack.enter_async_context(aiohttp.ClientSession()))
            listener = socket.create_server(("127.0.0.1", 0))
            here.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            routes = [Route("/api/{method}", here._call, methods=["GET", "POST"])]
            await stack.enter_async_context(listening(Starlette(routes=routes), listener))
            for tenant in tenants:
                here.tenants[tenant.team_id] = tenant
            yield here

    @asynccontextmanager
    async def delivering(self, bot_url):
        """Send everything that happens in the workspaces to the bot at `bot_url`."""
        self.bot_url = bot_url
        senders = [asyncio.create_task(self._deliver(each)) for each in self.tenants.values()]
        for tenant in self.tenants.values():
            await tenant.slack.wait_connected()
        try:
            yield self
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    # --- requests to the bot ------------------------------------------------------------

    async def post(self, body, kind="application/json", **changed):
        """A signed request; `changed` overrides headers. Gives the status and what came back."""
        now = changed.pop("now", None)
        headers = signed(body, now) | {"Content-Type": kind} | changed
        url = f"{self.bot_url}/slack/events"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def event(self, tenant, event, **more):
        """An event that no local workspace makes by itself."""
        body = {
            "type": "event_callback",
            "team_id": tenant.team_id,
            "enterprise_id": tenant.enterprise_id,
            "api_app_id": seed.APP_ID,
            "event_id": f"Ev{id(event)}",
            "event_time": 4_000_000_000,
            "event": event,
            **more,
        }
        return await self.post(json.dumps(body))

    async def _deliver(self, tenant):
        async with self.session.post(
            f"{tenant.slack.api_url}apps.connections.open",
            headers={"Authorization": f"Bearer {seed.APP_TOKEN}"},
        ) as answer:
            url = (await answer.json())["url"]
        async with self.session.ws_connect(url) as connection, asyncio.TaskGroup() as group:
            async for message in connection:
                envelope = json.loads(message.data)
                if "envelope_id" in envelope:
                    group.create_task(self._forward(tenant, connection, envelope))

    async def _forward(self, tenant, connection, envelope):
        payload = tenant.in_organisation(json.loads(tenant.here(json.dumps(envelope["payload"]))))
        kind = "application/x-www-form-urlencoded"
        match envelope["type"]:
            case "events_api":
                status, said = await self.post(json.dumps(payload))
            case "slash_commands":
                status, said = await self.post(urlencode(payload), kind)
            case _:
                status, said = await self.post(urlencode({"payload": json.dumps(payload)}), kind)
        if status != 200:
            return
        answer = {"envelope_id": envelope["envelope_id"]}
        if said:
            answer["payload"] = json.loads(tenant.there(said))
        await connection.send_str(json.dumps(answer))

    # --- requests of the bot ------------------------------------------------------------

    async def _call(self, request):
        method = request.path_params["method"]
        if method == "oauth.v2.access":
            return await self._access(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        tenant = next((each for each in self.tenants.values() if token in each.tokens), None)
        if tenant is None:
            return _refused("invalid_auth")
        tenant.calls.append(method)
        if token in tenant.revoked:
            return _refused("token_revoked")
        return await self._ask(tenant, method, request)

    async def _ask(self, tenant, method, request):
        headers = {
            "Authorization": f"Bearer {seed.BOT_TOKEN}",
            "Content-Type": request.headers.get("content-type", ""),
        }
        body = tenant.there((await request.body()).decode())
        url = f"{tenant.slack.api_url}{method}?{request.url.query}"
        async with self.session.post(url, data=body, headers=headers) as answer:
            content = tenant.here(await answer.text())
            if method == "auth.test" and tenant.is_org:
                known = {"is_enterprise_install": True, "enterprise_id": tenant.enterprise_id}
                content = json.dumps(json.loads(content) | known)
            kept = ("content-type", "retry-after", "x-oauth-scopes")
            known = {name: answer.headers[name] for name in kept if name in answer.headers}
            return Response(content, answer.status, known)

    async def _access(self, request):
        code = dict(await request.form())["code"]
        tenant = self.codes.pop(code, None)
        expected = aiohttp.encode_basic_auth(*CLIENT)
        if tenant is None or request.headers["authorization"] != expected:
            return _refused("invalid_code")
        enterprise = {"id": tenant.enterprise_id, "name": "The organisation"}
        return JSONResponse(
            {
                "ok": True,
                "app_id": seed.APP_ID,
                "access_token": tenant.new_token(),
                "token_type": "bot",
                "scope": "chat:write",
                "bot_user_id": seed.BOT_USER,
                "team": None
                if tenant.is_org
                else {"id": tenant.team_id, "name": f"Workspace {tenant.team_id}"},
                "enterprise": enterprise if tenant.enterprise_id else None,
                "is_enterprise_install": tenant.is_org,
                "authed_user": {"id": seed.ADA},
            }
        )


def signed(body, now=None):
    """The headers that Slack adds; `now` is the time it says it is, in seconds."""

    timestamp = str(int(time.time() if now is None else now))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=timestamp, body=body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}


def _refused(code):
    return JSONResponse({"ok": False, "error": code})
