"""Claude, or any server that speaks the Messages API."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from urllib.parse import urlsplit

import anthropic
import httpx2
import structlog

from orchestrator.errors import ModelTimedOut
from orchestrator.http_transport import RoutedTransport
from orchestrator.model import transport
from orchestrator.model.base import Call, JsonObject, OnText, Reply, Sleep
from orchestrator.model.exchange import Exchange
from orchestrator.model.firsts import Firsts
from orchestrator.model.messages import Style
from orchestrator.model.prices import PriceList
from orchestrator.model.rates import Ledger, Rates

DEFAULT_BASE_URL = "https://api.anthropic.com"
# The last API version that takes a temperature.
SAMPLING_VERSION = "2023-06-01"
# The service sends pings while it works, so a stream this silent is dead.
_STALL_S = 60.0
# As the SDK's own transport has it: seconds of silence, seconds between probes, probes.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}

log = structlog.get_logger()


class AnthropicModel:
    """The Messages API through its SDK, with retries, time limits and costs of our own.

    `base_url` names another server than the default one, without `/v1`. Only such a server, or
    an `api_version` up to SAMPLING_VERSION, is sent a temperature. A reply that brings nothing
    for `stall_s` seconds is given up; other servers than the default one may think for as long
    as the call has time, unless it is given. All calls of a key belong into one such object: it
    knows the limits of the key, through `ledger` together with other processes.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        prices: PriceList | None = None,
        http_client: httpx2.AsyncClient | None = None,
        api_version: str | None = None,
        sleep: Sleep = asyncio.sleep,
        stall_s: float | None = None,
        ledger: Ledger | None = None,
    ):
        self.prices = prices or PriceList.load()
        self.sleep = sleep
        self.api_version = api_version
        self.other_server = _is_other(base_url)
        self.stall_s = stall_s if stall_s or self.other_server else _STALL_S
        self.firsts = Firsts()
        self.rates = Rates(ledger)
        self.client = anthropic.AsyncAnthropic(
            # Servers of one's own often want no key, the SDK always does.
            api_key=api_key.strip() or "none",
            base_url=base_url or DEFAULT_BASE_URL,
            max_retries=0,
            http_client=http_client or _http_client(),
            default_headers={"anthropic-version": api_version} if api_version else None,
        )
        self._styles: dict[str, Style] = {}

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call` within `call.timeout_s` seconds, all tries and pauses included."""
        exchange = Exchange(self, call, on_text)
        try:
            async with asyncio.timeout(call.timeout_s) as limit:
                return await exchange.run(limit.when() or 0.0)
        except TimeoutError as error:
            if not limit.expired():
                raise
            sentence = f"There was no answer within {call.timeout_s:g} seconds."
            raise exchange.failed(ModelTimedOut, sentence) from error
        except transport.FAILURES as error:
            kind, sentence = transport.explained(error, call.model)
            _log_failure(error, call)
            raise exchange.failed(kind, sentence) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.close()

    def style_for(self, model: str) -> Style:
        """What `model` has so far been found to understand."""
        return self._styles.get(model, Style())

    def learn(self, model: str, style: Style) -> None:
        """Ask `model` in `style` from now on.

        What the default endpoint did not take was one schema or transcript, but for the effort.
        """
        if not self.other_server:
            style = Style(effort=style.effort)
        self._styles[model] = replace(style, thinking=True)

    def sampling(self, temperature: float | None) -> JsonObject:
        """The SDK arguments for a temperature, where the endpoint takes one."""
        old = self.api_version is not None and self.api_version <= SAMPLING_VERSION
        if temperature is None or not (self.other_server or old):
            return {}
        version = self.api_version or SAMPLING_VERSION
        return {
            "extra_headers": {"anthropic-version": version},
            "extra_body": {"temperature": temperature},
        }


def _http_client() -> httpx2.AsyncClient:
    """Return the SDK's client with our way to the service; it keeps silent connections alive."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    transport = RoutedTransport(anthropic.DEFAULT_CONNECTION_LIMITS, options)
    return anthropic.DefaultAsyncHttpxClient(transport=transport)


def _is_other(base_url: str | None) -> bool:
    if base_url is None:
        return False
    return urlsplit(base_url).hostname != urlsplit(DEFAULT_BASE_URL).hostname


def _log_failure(error: Exception, call: Call) -> None:
    log.warning(
        "model.failure",
        purpose=call.purpose,
        model=call.model,
        error=type(error).__name__,
        status=getattr(error, "status_code", None),
        type=getattr(error, "type", None),
        code=getattr(error, "error_code", None),
        said=_complaint(error),
        request_id=getattr(error, "request_id", None),
    )


def _complaint(error: Exception) -> str | None:
    """What is wrong with the request, for the log; other failures may repeat a key."""
    if not isinstance(error, anthropic.BadRequestError | anthropic.UnprocessableEntityError):
        return None
    return transport.said(error)[:300]
