"""Identifiers and message times in the shapes Slack gives them."""

from __future__ import annotations

import secrets
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since the epoch."""


def new_id(prefix: str) -> str:
    """An id such as `V0A1B2C3D4E`."""
    return f"{prefix}0{secrets.token_hex(5).upper()}"


class Timestamps:
    """Message times that are unique and only grow, whatever the clock does."""

    def __init__(self, clock: Clock, latest: str = ""):
        self._clock = clock
        self._last = int(latest.replace(".", "")) if latest else 0

    def next(self) -> str:
        """The next time, `1700000000.000100`."""
        self._last = max(int(self._clock() * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
