"""Delivery over HTTP: signed requests to the app's request URL, and Slack's retries of events.

https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/apis/events-api#retries
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.localslack.errors import PersonError
from bot.localslack.faults import Faults
from bot.localslack.ids import Clock
from bot.localslack.recorder import Envelope, Recorder, next_number
from bot.localslack.seed import SIGNING_SECRET
from bot.localslack.storage import JsonObject, Storage, StoredEvent

RETRIES_S = (0.0, 60.0, 300.0)
MOST_REDIRECTS = 2
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back: a `problem` as Slack names it for a retry, or the body."""

    status: int = 0
    body: str = ""
    problem: str | None = None
    may_retry: bool = True


class RequestUrl:
    """The app's address for events, interactivity and commands.

    `retries_s` is how long Slack waits before each retry of an event, in seconds.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        recorder: Recorder,
        faults: Faults,
        *,
        ack_timeout_s: float = 3.0,
    ):
        self._storage = storage
        self._clock = clock
        self._recorder = recorder
        self._faults = faults
        self.ack_timeout_s = ack_timeout_s
        self.retries_s = RETRIES_S
        self._url: str | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_set(self) -> bool:
        """Whether the app has such an address."""
        return self._url is not None

    async def set(self, url: str | None) -> None:
        """Deliver to `url` from now on, if it answers Slack's challenge; None ends that.

        Raises `PersonError`.
        """
        await self._stop()
        self._url = None
        if url is None:
            return
        await self._verify(url)
        self._url = url
        for event in self._storage.events(0):
            self._spawn(self._deliver(event))

    def publish(self, event_id: str, body: JsonObject) -> None:
        """Give the app an event, up to four times."""
        event = StoredEvent(event_id, self._clock(), 0, body)
        self._storage.put_event(event)
        self._spawn(self._deliver(event))
        if self._faults.duplicate_events:
            self._spawn(self._send_once(event))

    async def request(self, kind: str, payload: JsonObject) -> JsonObject | None:
        """Ask the app and return what it answered. Raises `PersonError`."""
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        answer = await self._exchange(kind, payload, urlencode(form), _FORM)
        if answer.problem == "http_timeout":
            raise PersonError("bot_timeout", "The app did not answer in time.", 504)
        if answer.problem == "connection_failed":
            raise PersonError("bot_offline", "The app cannot be reached at the moment.", 503)
        if answer.problem is not None:
            raise PersonError("bot_error", f"The app answered with status {answer.status}.", 502)
        return _payload(kind, answer.body)

    async def close(self) -> None:
        """Stop delivering; what the app has not taken stays stored."""
        await self._stop()
        if self._session is not None:
            await self._session.close()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _verify(self, url: str) -> None:
        challenge = uuid.uuid4().hex
        body = json.dumps({"type": "url_verification", "token": "local", "challenge": challenge})
        answer = await self._post(url, body, _JSON, {})
        if answer.problem is not None or challenge not in answer.body:
            raise PersonError("url_not_verified", f"{url} does not answer Slack's challenge.")

    async def _deliver(self, event: StoredEvent) -> None:
        reason = ""
        for retry in range(event.retries, len(self.retries_s) + 1):
            if retry:
                await asyncio.sleep(self.retries_s[retry - 1])
            self._storage.put_event(replace(event, retries=retry))
            answer = await self._send(event, retry, reason)
            if answer.problem is None or not answer.may_retry:
                break
            reason = answer.problem
        self._storage.delete_event(event.event_id)

    async def _send_once(self, event: StoredEvent) -> None:
        await self._send(event, 0, "")

    async def _send(self, event: StoredEvent, retry: int, reason: str) -> _Answer:
        # A retry of before a restart has lost its reason.
        number = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason or "http_error"}
        body = json.dumps(event.body)
        more = number if retry else {}
        return await self._exchange("events_api", event.body, body, _JSON, more, retry)

    async def _exchange(
        self,
        kind: str,
        payload: JsonObject,
        body: str,
        content_type: str,
        more: Mapping[str, str] | None = None,
        retry: int = 0,
    ) -> _Answer:
        at, number, answer = self._clock(), next_number(), _Answer(problem="connection_failed")
        try:
            await self._faults.travel()
            answer = await self._post(self._url or "", body, content_type, more or {})
            return answer
        finally:
            acked = answer.problem is None
            said = _payload(kind, answer.body) if acked else None
            envelope_id = str(uuid.uuid4())
            self._recorder.add(
                Envelope(envelope_id, kind, payload, at, acked, retry, answer=said, number=number)
            )

    async def _post(
        self, url: str, body: str, content_type: str, more: Mapping[str, str]
    ) -> _Answer:
        headers = {"Content-Type": content_type, "User-Agent": _AGENT, **self._signed(body), **more}
        try:
            async with asyncio.timeout(self.ack_timeout_s):
                sending = self._client().post(
                    url, data=body, headers=headers, max_redirects=MOST_REDIRECTS
                )
                async with sending as response:
                    return await _answer(response)
        except TimeoutError:
            return _Answer(problem="http_timeout")
        except aiohttp.TooManyRedirects:
            return _Answer(problem="too_many_redirects")
        except aiohttp.ClientError:
            return _Answer(problem="connection_failed")

    def _signed(self, body: str) -> dict[str, str]:
        timestamp = str(int(self._clock()))
        return {
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(SIGNING_SECRET, timestamp, body),
        }

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def sign(secret: str, timestamp: str, body: str) -> str:
    """Return the signature of a request."""
    base = f"v0:{timestamp}:{body}".encode()
    return f"v0={hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()}"


async def _answer(response: aiohttp.ClientResponse) -> _Answer:
    may_retry = response.headers.get("x-slack-no-retry") != "1"
    problem = None if 200 <= response.status < 300 else "http_error"
    return _Answer(response.status, await response.text(), problem, may_retry)


def _payload(kind: str, body: str) -> JsonObject | None:
    """What an acknowledgement says: JSON, or after a command the bare text of a message."""
    try:
        said = json.loads(body) if body else None
    except ValueError:
        said = {"text": body} if kind == "slash_commands" else None
    return said if isinstance(said, dict) else None
