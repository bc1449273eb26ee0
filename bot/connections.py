"""Connections to Slack, by the proxies and certificates of the process."""

from __future__ import annotations

from functools import partial
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, hdrs
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.context.respond.internals import _build_message
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient
from yarl import URL

from orchestrator.network import (
    UNTRUSTED,
    Network,
    is_from_proxy,
    network,
    refused_by,
    unreachable,
)


def open_session(timeout_s: float | None = None) -> aiohttp.ClientSession:
    """Return a session whose requests go through the proxies of the process, whatever the
    library that uses it says: Slack's takes HTTPS_PROXY for everything and knows no NO_PROXY.
    """
    here = network()
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(timeout_s),
        connector=aiohttp.TCPConnector(ssl=here.ssl_context),
        middlewares=[partial(_through_proxy, here)],
    )


async def _through_proxy(
    here: Network, request: ClientRequest, handler: ClientHandlerType
) -> ClientResponse:
    proxy = here.proxy_for(str(request.url))
    if proxy is None:
        request.update_proxy(None, None, None)
        return await handler(request)
    headers = {}
    if proxy.is_authenticated:
        encoded = aiohttp.encode_basic_auth(proxy.username, proxy.password)
        headers = {hdrs.PROXY_AUTHORIZATION: encoded}
    request.update_proxy(URL(proxy.url), None, headers)
    if not request.is_ssl():
        request.headers.update(headers)
    response = await handler(request)
    if not request.is_ssl() and is_from_proxy(response.status, response.content_type):
        response.close()
        raise aiohttp.ClientHttpProxyError(
            response.request_info,
            (),
            status=response.status,
            message=response.reason or "",
            headers=response.headers,
        )
    return response


def explained(error: BaseException, url: str) -> str | None:
    """Return why `url` was not reached, where proxies or certificates are to blame."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return refused_by(network().proxy_for(url), error.status, error.message)
        case aiohttp.ClientProxyConnectionError():
            return unreachable(network().proxy_for(url))
        case aiohttp.ClientConnectorCertificateError():
            return f"{url} cannot be reached: {UNTRUSTED}."
    return None


class Respond(AsyncRespond):
    """Answers at a payload's response_url over the bot's own connections."""

    def __init__(self, response_url: str | None, session: aiohttp.ClientSession | None) -> None:
        super().__init__(response_url=response_url)
        self._session = session

    async def __call__(self, *args: Any, **kwargs: Any) -> WebhookResponse:
        """Send a message there."""
        if self.response_url is None:
            raise ValueError("There is no response_url.")
        client = AsyncWebhookClient(self.response_url, session=self._session)
        return await client.send_dict(_build_message(*args, **kwargs))
