"""Calls of Slack's Web API are counted, and how they went."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse

from bot.onlooker import Onlooker

_METHOD = re.compile(r"[a-z]+(?:\.[A-Za-z0-9]+){1,2}")
_MOST_TRIES = 100
_TOO_MANY = 429


class SlackCalls(Onlooker):
    """Counts every call, and each try of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(_MOST_TRIES)
        self._calls = Counter(
            "orchestrator_slack_calls",
            "Calls of the Web API: taken by Slack (ok), refused, ratelimited, or failed.",
            ("method", "result"),
            registry=registry,
        )

    def seen(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """Count it."""
        self._calls.labels(_method_of(request.url), _result_of(response)).inc()


def _method_of(url: str) -> str:
    """The method's name; addresses that are no method's, such as those of uploads, are one."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name if _METHOD.fullmatch(name) else "upload"


def _result_of(response: HttpResponse | None) -> str:
    if response is None or response.status_code >= 500:
        return "failed"
    if response.status_code == _TOO_MANY:
        return "ratelimited"
    is_refused = response.body is not None and response.body.get("ok") is False
    return "refused" if is_refused else "ok"
