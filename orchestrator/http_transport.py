"""The transport of clients that speak httpx, by the proxies and certificates of the process."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import httpx2

from orchestrator.network import (
    UNTRUSTED,
    Network,
    Proxy,
    is_from_proxy,
    network,
    refused_by,
    unreachable,
)


class NotPassedOn(httpx2.ProxyError):
    """A request that its proxy did not pass on; the message is for people."""


class NotTrusted(httpx2.ConnectError):
    """A server whose certificate nobody we trust has signed; the message is for people."""


class RoutedTransport(httpx2.AsyncBaseTransport):
    """Sends each request the way that the network has for its address."""

    def __init__(
        self,
        limits: httpx2.Limits | None = None,
        socket_options: Sequence[tuple[int, int, int]] | None = None,
        of: Network | None = None,
    ) -> None:
        self._network = of or network()
        self._limits = limits or httpx2.Limits(max_connections=100, max_keepalive_connections=20)
        self._socket_options = socket_options
        self._ways: dict[Proxy | None, httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raises NotPassedOn, NotTrusted and what httpx raises."""
        proxy = self._network.proxy_for(str(request.url))
        try:
            response = await self._way(proxy).handle_async_request(request)
        except httpx2.ProxyError as error:
            status, _, reason = str(error).partition(" ")
            raise NotPassedOn(
                refused_by(proxy, int(status), reason) if status.isdigit() else unreachable(proxy)
            ) from error
        except httpx2.ConnectError as error:
            raise _explained(error, request, proxy) from error
        if proxy and request.url.scheme == "http" and _is_from_proxy(response):
            await response.aclose()
            raise NotPassedOn(refused_by(proxy, response.status_code, response.reason_phrase))
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        ways = list(self._ways.values())
        self._ways.clear()
        await asyncio.gather(*(way.aclose() for way in ways))

    def _way(self, proxy: Proxy | None) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._ways:
            context = self._network.ssl_context
            self._ways[proxy] = httpx2.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                limits=self._limits,
                socket_options=self._socket_options,
                proxy=_as_httpx(proxy, context) if proxy else None,
            )
        return self._ways[proxy]


def _as_httpx(proxy: Proxy, context: ssl.SSLContext) -> httpx2.Proxy:
    return httpx2.Proxy(
        proxy.url,
        auth=(proxy.username, proxy.password) if proxy.is_authenticated else None,
        ssl_context=context if proxy.url.startswith("https:") else None,
    )


def _is_from_proxy(response: httpx2.Response) -> bool:
    return is_from_proxy(response.status_code, response.headers.get("content-type", ""))


def _explained(
    error: httpx2.ConnectError, request: httpx2.Request, proxy: Proxy | None
) -> httpx2.ConnectError | NotPassedOn:
    """Return what to raise where no connection came about."""
    if _has_cause(error, ssl.SSLCertVerificationError):
        return NotTrusted(f"{request.url.host} cannot be reached: {UNTRUSTED}.")
    if proxy is not None and not _has_cause(error, ssl.SSLError):
        return NotPassedOn(unreachable(proxy))
    return error


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
