"""Calls of Slack's Web API are counted, and how they went; new refusals are logged once."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse

from bot.onlooker import Onlooker
from bot.refusals import CODES

log = structlog.get_logger(__name__)

_METHOD = re.compile(r"[a-z]+(?:\.[A-Za-z0-9]+){1,2}")
_MOST_TRIES = 100
_TOO_MANY = 429


class SlackCalls(Onlooker):
    """Counts every call, and each try of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(_MOST_TRIES)
        self._unknown: set[tuple[str, str]] = set()
        self._calls = Counter(
            "orchestrator_slack_calls",
            "Calls of the Web API: taken by Slack (ok), refused, ratelimited, or failed.",
            ("method", "result"),
            registry=registry,
        )

    def seen(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """Count it."""
        method = _method_of(request.url)
        self._calls.labels(method, _result_of(response)).inc()
        self._note_unknown(method, _code_of(response))

    def _note_unknown(self, method: str, code: str | None) -> None:
        """Log a refusal that is in no reference, once: it is taken for one that passes."""
        if code is None or code in CODES or (method, code) in self._unknown:
            return
        self._unknown.add((method, code))
        log.warning("unknown_refusal", method=method, error=code)


def _method_of(url: str) -> str:
    """The method's name; addresses that are no method's, such as those of uploads, are one."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name if _METHOD.fullmatch(name) else "upload"


def _result_of(response: HttpResponse | None) -> str:
    if response is None or response.status_code >= 500:
        return "failed"
    if response.status_code == _TOO_MANY:
        return "ratelimited"
    return "ok" if _code_of(response) is None else "refused"


def _code_of(response: HttpResponse | None) -> str | None:
    """Return what Slack calls its refusal; None where it did not refuse."""
    if response is None or response.body is None or response.body.get("ok") is not False:
        return None
    return str(response.body.get("error", ""))
