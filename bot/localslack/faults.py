"""Troubles on demand: what a bot meets at Slack once in a while, when a test wants it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from bot.localslack.errors import PersonError

MOST_DELAY_MS = 20_000
_FIELDS = {"method", "channel", "error", "status", "times", "retry_after", "lose_answer"}
_SWITCHES = {
    "drop_socket",
    "disconnect",
    "duplicate_events",
    "without_previous",
    "delay_ms",
    "clear",
}


@dataclass(slots=True)
class Fault:
    """The next `times` calls of `method` go wrong: of any where None, all where None; with
    `channel` only those about it.

    With `lose_answer` the call is carried out and its answer lost.
    """

    method: str | None = None
    error: str | None = None
    status: int = 200
    times: int | None = 1
    retry_after_s: int = 1
    lose_answer: bool = False
    channel: str | None = None


class Faults:
    """The faults that wait for their call, and what is wrong with the network.

    `delay_ms` is what every call and every envelope takes longer. With `without_previous`
    events of changed and deleted messages do not say what was there before.
    """

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.duplicate_events = False
        self.without_previous = False
        self.delay_ms = 0

    def add(self, fault: Fault) -> None:
        """Arrange a fault."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        self._waiting.clear()
        self.duplicate_events = False
        self.without_previous = False
        self.delay_ms = 0

    def take(self, method: str, channel: object = None) -> Fault | None:
        """The fault for this call, counted down; None where it should work."""
        for fault in self._waiting:
            if fault.method in (None, method) and fault.channel in (None, channel):
                self._count_down(fault)
                return fault
        return None

    async def travel(self) -> None:
        """Take as long as the network does."""
        if self.delay_ms:
            await asyncio.sleep(self.delay_ms / 1000)

    def as_json(self) -> dict[str, Any]:
        """What is arranged."""
        return {
            "waiting": [asdict(fault) for fault in self._waiting],
            "duplicate_events": self.duplicate_events,
            "without_previous": self.without_previous,
            "delay_ms": self.delay_ms,
        }

    def _count_down(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)


def parse_fault(body: dict[str, Any]) -> Fault | None:
    """The fault a request asks for, if it asks for one. Raises `PersonError`."""
    unknown = set(body) - _FIELDS - _SWITCHES
    if unknown:
        raise PersonError("unknown_fault", f"There is no fault named {', '.join(sorted(unknown))}.")
    if not set(body) & {"error", "status", "lose_answer"}:
        return None
    limited = body.get("error") == "ratelimited"
    lost = bool(body.get("lose_answer"))
    times = body.get("times", 1)
    return Fault(
        method=body.get("method") or None,
        error=body.get("error"),
        status=int(body.get("status", 500 if lost else 429 if limited else 200)),
        times=None if times is None else int(times),
        retry_after_s=int(body.get("retry_after", 1)),
        lose_answer=lost,
        channel=body.get("channel") or None,
    )


def parse_delay(value: Any) -> int:
    """Milliseconds. Raises `PersonError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_DELAY_MS:
        raise PersonError("invalid_argument", f"`delay_ms` is a number up to {MOST_DELAY_MS}.")
    return value
