"""What happens, as it happens: one stream of server-sent events for each open page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

_BACKLOG = 1000
_KEEP_OPEN_S = 15.0


class Feed:
    """Passes what happens to those who may see it."""

    def __init__(self) -> None:
        self._readers: dict[asyncio.Queue[str | None], str] = {}
        self._closed = False

    @property
    def has_readers(self) -> bool:
        """Whether anybody looks."""
        return bool(self._readers)

    def publish(self, event: str, data: Any, users: Iterable[str] | None = None) -> None:
        """Tell the given users, or everyone."""
        if not self._readers:
            return
        audience = None if users is None else set(users)
        text = f"event: {event}\ndata: {json.dumps(data)}\n\n"
        for queue, user in list(self._readers.items()):
            if audience is None or user in audience:
                self._put(queue, text)

    async def stream(self, user: str) -> AsyncIterator[str]:
        """Everything from now on that this person may see, as `text/event-stream`."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_BACKLOG)
        self._readers[queue] = user
        try:
            yield ": connected\n\n"
            while not self._closed:
                item = await self._next(queue)
                if item is None:
                    return
                yield item
        finally:
            self._readers.pop(queue, None)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    def _put(self, queue: asyncio.Queue[str | None], text: str) -> None:
        try:
            queue.put_nowait(text)
        except asyncio.QueueFull:
            # A page that stopped reading is let go; it loads everything when it returns.
            self._readers.pop(queue, None)
            queue.get_nowait()
            queue.put_nowait(None)

    @staticmethod
    async def _next(queue: asyncio.Queue[str | None]) -> str | None:
        try:
            return await asyncio.wait_for(queue.get(), _KEEP_OPEN_S)
        except TimeoutError:
            return ": still here\n\n"
