"""Troubles on demand: what a bot meets at Slack once in a while, when a test wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.localslack.errors import PersonError

_FIELDS = {"method", "error", "status", "times", "retry_after", "lose_answer"}
_SWITCHES = {"drop_socket", "disconnect", "duplicate_events", "clear"}


@dataclass(slots=True)
class Fault:
    """The next `times` calls of `method` (of any, where None) go wrong.

    With `lose_answer` the call is carried out and its answer lost.
    """

    method: str | None = None
    error: str | None = None
    status: int = 200
    times: int = 1
    retry_after_s: int = 1
    lose_answer: bool = False


class Faults:
    """The faults that wait for their call."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.duplicate_events = False

    def add(self, fault: Fault) -> None:
        """Arrange a fault."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        self._waiting.clear()
        self.duplicate_events = False

    def take(self, method: str) -> Fault | None:
        """The fault for this call, counted down; None where it should work."""
        for fault in self._waiting:
            if fault.method in (None, method):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None


def parse_fault(body: dict[str, Any]) -> Fault | None:
    """The fault a request asks for, if it asks for one. Raises `PersonError`."""
    unknown = set(body) - _FIELDS - _SWITCHES
    if unknown:
        raise PersonError("unknown_fault", f"There is no fault named {', '.join(sorted(unknown))}.")
    if not set(body) & {"error", "status", "lose_answer"}:
        return None
    limited = body.get("error") == "ratelimited"
    lost = bool(body.get("lose_answer"))
    return Fault(
        method=body.get("method"),
        error=body.get("error"),
        status=int(body.get("status", 500 if lost else 429 if limited else 200)),
        times=int(body.get("times", 1)),
        retry_after_s=int(body.get("retry_after", 1)),
        lose_answer=lost,
    )
