"""Waiting a little for what is about to be there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

T = TypeVar("T")

_LOOK_AGAIN_S, _WITHIN_S = 0.25, 5.0


async def soon(look: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `look` finds within five seconds; None if it finds nothing."""
    looking = AsyncRetrying(
        retry=retry_if_result(lambda found: found is None),
        wait=wait_fixed(_LOOK_AGAIN_S),
        stop=stop_after_delay(_WITHIN_S),
        retry_error_callback=lambda _: None,
    )
    found: T | None = await looking(look)
    return found
