"""A forwarding proxy of one's own: tunnels (CONNECT) and plain requests, as companies have it."""

import asyncio
import base64
from contextlib import asynccontextmanager, suppress


class ForwardProxy:
    """Passes on what it is asked for, and notes it as `METHOD host:port`.

    `hosts` says on which local port each host really is; others are looked up. With `login`
    (`name:password`) it wants to know who asks; with `refusal`, such as `403 Forbidden`, it
    passes nothing on. `open` gives one.
    """

    def __init__(self, hosts, login, refusal, context):
        self.hosts = hosts
        self.login = login
        self.refusal = refusal
        self.asked = []
        self.port = 0
        self._context = context
        self._tasks = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, hosts=None, *, login=None, refusal=None, context=None):
        proxy = cls(hosts or {}, login, refusal, context)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0, ssl=context)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            for task in proxy._tasks:
                task.cancel()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

    @property
    def url(self):
        login = f"{self.login}@" if self.login else ""
        scheme = "https" if self._context else "http"
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with suppress(OSError, EOFError):
                await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, version = line.split(" ")
        place = target if method == "CONNECT" else target.split("/")[2]
        self.asked.append(f"{method} {place}")
        refusal = self._refusal(headers)
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Type: text/html\r\n".encode())
            writer.write(b"Content-Length: 2\r\nConnection: close\r\n\r\nno")
            await writer.drain()
            return
        there, back = await self._connect(place, 443 if method == "CONNECT" else 80)
        try:
            self._begin(method, target, version, headers, writer, back)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.transport.abort()

    def _begin(self, method, target, version, headers, writer, back):
        """Say that the tunnel is there, or send on what was asked."""
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            kept = [each for each in headers if not each.lower().startswith("proxy-")]
            kept = [each for each in kept if not each.lower().startswith("connection:")]
            # A connection for each request, but for those that become something else.
            upgrades = any(each.lower().startswith("upgrade:") for each in kept)
            kept.append("Connection: Upgrade" if upgrades else "Connection: close")
            back.write("\r\n".join([f"{method} {path} {version}", *kept, "", ""]).encode("latin-1"))

    def _refusal(self, headers):
        if self.refusal:
            return self.refusal
        if self.login:
            wanted = base64.b64encode(self.login.encode()).decode()
            if f"proxy-authorization: basic {wanted}".lower() not in map(str.lower, headers):
                return "407 Proxy Authentication Required"
        return None

    async def _connect(self, place, port):
        host, _, given = place.rpartition(":") if ":" in place else (place, "", port)
        if host in self.hosts:
            return await asyncio.open_connection("127.0.0.1", self.hosts[host])
        return await asyncio.open_connection(host, int(given))


async def _copy(reader, writer):
    with suppress(OSError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def in_tls(port, context):
    """The port at which what listens on `port` is reached with TLS."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.transport.abort()
                writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
