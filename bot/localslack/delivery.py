"""The way from the workspace to the app: over its Socket Mode connections or to its request URL."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localslack.request_url import RequestUrl
from bot.localslack.sockets import Sockets
from bot.localslack.storage import JsonObject


@dataclass(frozen=True, slots=True)
class Delivery:
    """Brings the app what happened and what people ask of it, over HTTP once it has a URL."""

    sockets: Sockets
    request_url: RequestUrl

    @property
    def is_ready(self) -> bool:
        """Whether the app can be reached, as far as is known."""
        return self.request_url.is_set or self.sockets.count > 0

    def publish(self, event_id: str, body: JsonObject) -> None:
        """Give the app an event: now, or when it is back."""
        way = self.request_url if self.request_url.is_set else self.sockets
        way.publish(event_id, body)

    async def request(self, kind: str, payload: JsonObject) -> JsonObject | None:
        """Ask the app and return what it answered. Raises `PersonError`."""
        way = self.request_url if self.request_url.is_set else self.sockets
        return await way.request(kind, payload)

    def wait_for_acks(self, timeout_s: float) -> None:
        """Change how long the app may take to acknowledge, in seconds."""
        self.sockets.ack_timeout_s = self.request_url.ack_timeout_s = timeout_s

    async def close(self) -> None:
        """Let go of the app."""
        await self.sockets.close()
        await self.request_url.close()
