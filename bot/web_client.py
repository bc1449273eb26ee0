"""Slack's Web API, which looks things up no more often than Slack allows."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.pace import Pace
from bot.refusals import Kind, asked_to_wait, kind_of

# Calls a minute that are steadily made, and that may be made at once, of what Slack allows in
# each tier: 20, 50 and 100 in any minute (docs.slack.dev/apis/web-api/rate-limits).
_TIERS = {2: (12.0, 7), 3: (30.0, 18), 4: (60.0, 35)}
# Methods that only look something up, by their tier: making such a call again is harmless.
LOOK_UPS = {
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.replies": 3,
    "files.info": 4,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.conversations": 3,
    "users.info": 4,
}
# While Slack says that it is asked too often, this many calls find it out, and no more.
_AT_ONCE = 2
_PATIENCE_S = 45.0

_patience: ContextVar[float | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let each look-up wait for so long at most until Slack may be asked.

    Who asks for more on behalf of somebody less patient does not get it.
    """
    known = _patience.get()
    before = _patience.set(seconds if known is None else min(seconds, known))
    try:
        yield
    finally:
        _patience.reset(before)


class _Budget:
    """How often one workspace may be asked by one method."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._pace = Pace(*_TIERS[LOOK_UPS[method]])
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def look_up(
        self, call: Callable[[], Awaitable[AsyncSlackResponse]], patience_s: float
    ) -> AsyncSlackResponse:
        """Make a call when it is its turn, and again when Slack wants it later.

        Raises SlackApiError, `ratelimited` where that would take longer than `patience_s`.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + patience_s
        while True:
            await self._turn(until - clock())
            try:
                return await call()
            except SlackApiError as error:
                if kind_of(error) is not Kind.WAIT:
                    raise
                self._pace.pause(asked_to_wait(error) or 1.0)
                if self._pace.wait_s() > until - clock():
                    raise
            finally:
                self._places.release()

    async def _turn(self, patience_s: float) -> None:
        """Take a place and a turn. Raises SlackApiError."""
        if self._pace.wait_s() > patience_s:
            raise self._limited()
        try:
            async with asyncio.timeout(patience_s):
                await self._places.acquire()
                try:
                    await self._pace.turn()
                except asyncio.CancelledError:
                    self._places.release()
                    raise
        except TimeoutError:
            raise self._limited() from None

    def _limited(self) -> SlackApiError:
        """Return what Slack would say if it were asked now."""
        response = AsyncSlackResponse(
            client=None,
            http_verb="POST",
            api_url=self._method,
            req_args={},
            data={"ok": False, "error": "ratelimited"},
            headers={"Retry-After": str(math.ceil(self._pace.wait_s()))},
            status_code=429,
        )
        return SlackApiError(f"{self._method} was asked too often.", response)  # type: ignore[no-untyped-call]


class Budgets:
    """How often each workspace, known by its token, may be asked by each method."""

    def __init__(self) -> None:
        self._budgets: defaultdict[str, dict[str, _Budget]] = defaultdict(dict)

    def of(self, token: str, method: str) -> _Budget | None:
        """Return the budget of a look-up; None for other methods, which have paces elsewhere."""
        if method not in LOOK_UPS:
            return None
        budgets = self._budgets[token]
        if method not in budgets:
            budgets[method] = _Budget(method)
        return budgets[method]


class WebClient(AsyncWebClient):
    """A client whose look-ups keep to the budgets of its workspace."""

    def __init__(self, budgets: Budgets, **options: Any) -> None:
        super().__init__(**options)
        self._budgets = budgets

    async def api_call(self, api_method: str, **options: Any) -> AsyncSlackResponse:
        """Call a method; a look-up waits for its turn. Raises SlackApiError."""
        call = super().api_call
        budget = self._budgets.of(self.token or "", api_method)
        if budget is None:
            return await call(api_method, **options)
        seconds = _patience.get()
        patience_s = _PATIENCE_S if seconds is None else seconds
        return await budget.look_up(lambda: call(api_method, **options), patience_s)
