"""Seeing how every call of Slack's Web API goes, whoever makes it."""

from __future__ import annotations

from abc import abstractmethod

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState


class Onlooker(AsyncRetryHandler):
    """Sits among a client's retry handlers, and retries nothing."""

    @abstractmethod
    def seen(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """A call was answered, or, without a response, failed."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        self.seen(request, response)
        return False
