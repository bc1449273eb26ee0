"""What passed between the bot and the workspace, for tests and for people who debug."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.localslack.feed import Feed
from bot.localslack.rates import Usage

_KEPT = 1000
_NUMBERS = itertools.count(1)


def next_number() -> int:
    """The place of something in the order in which things began."""
    return next(_NUMBERS)


@dataclass(frozen=True, slots=True)
class Call:
    """A Web API call. `at` is in seconds since the epoch; `error` is None where it was ok.

    `usage` is how much of the rate limit was used, None where it was not counted; `bot` is the
    user id of the bot whose token it was, if it was one.
    """

    method: str
    arguments: dict[str, Any]
    at: float
    error: str | None = None
    problems: tuple[str, ...] = ()
    usage: Usage | None = None
    retry_after_s: int | None = None
    bot: str | None = None
    number: int = field(default_factory=next_number, compare=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Something sent to the bot; `acked` is False when no answer came.

    It is recorded when that is known; `at` and `number` tell when it was sent. `answer` is what
    the bot put into its acknowledgement.
    """

    envelope_id: str
    type: str
    payload: dict[str, Any]
    at: float
    acked: bool
    retry: int = 0
    answer: dict[str, Any] | None = None
    number: int = field(default_factory=next_number, compare=False)


class Recorder:
    """Keeps the last thousand calls and envelopes, and tells the inspectors of each."""

    def __init__(self, feed: Feed) -> None:
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.envelopes: deque[Envelope] = deque(maxlen=_KEPT)
        self._feed = feed
        self._changed = asyncio.Condition()
        self._told: set[asyncio.Task[None]] = set()

    def add(self, entry: Call | Envelope) -> None:
        """Keep an entry and wake those who wait for one."""
        kept: deque[Any] = self.calls if isinstance(entry, Call) else self.envelopes
        kept.append(entry)
        if self._feed.has_readers:
            self._feed.publish("call" if isinstance(entry, Call) else "envelope", asdict(entry))
        task = asyncio.get_running_loop().create_task(self._tell())
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def wait_for(self, found: Callable[[], bool], timeout: float) -> None:
        """Return when `found` is true of what is recorded; raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(found)

    def as_json(self) -> dict[str, Any]:
        """Everything kept, oldest first."""
        return {
            "calls": [asdict(call) for call in self.calls],
            "envelopes": [asdict(envelope) for envelope in self.envelopes],
        }

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
