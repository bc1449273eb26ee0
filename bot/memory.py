"""Remember for a while what a service said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")

_MOST = 5_000


class Memory(Generic[_K, _T]):
    """A cache whose values are good for `seconds`. One look-up serves all who ask meanwhile."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._values: dict[_K, tuple[float, _T]] = {}
        self._looking: dict[_K, asyncio.Task[_T]] = {}

    async def get(self, key: _K, look: Callable[[], Awaitable[_T]]) -> _T:
        """Return what is remembered for `key`, or what `look` finds. Raises what `look` raises."""
        known = self._values.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        if key not in self._looking:
            self._looking[key] = asyncio.create_task(self._look(key, look))
        return await asyncio.shield(self._looking[key])

    def forget(self, key: _K) -> None:
        """Look up `key` anew the next time."""
        self._values.pop(key, None)

    async def _look(self, key: _K, look: Callable[[], Awaitable[_T]]) -> _T:
        try:
            value = await look()
        finally:
            del self._looking[key]
        if len(self._values) >= _MOST:
            self._values.clear()
        self._values[key] = (self._clock() + self._seconds, value)
        return value
