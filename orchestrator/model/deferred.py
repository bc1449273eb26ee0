"""A model that is made for its first call: until then it takes no memory and no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from orchestrator.errors import ModelUnavailable
from orchestrator.model.base import Call, Model, OnText, Reply


class Deferred:
    """The model that `make` makes. It is made in a thread, since importing a library takes long."""

    def __init__(self, make: Callable[[], Model]):
        self._make = make
        self._made: asyncio.Task[Model] | None = None
        self._is_closed = False

    async def complete(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Answer `call`, with the model made first where this is the first one."""
        if self._is_closed:
            raise ModelUnavailable("The connections to the model service are closed.")
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        # One call that is broken off leaves the others what they wait for.
        model = await asyncio.shield(self._made)
        return await model.complete(call, on_text)

    async def close(self) -> None:
        """Close the model, if it was made."""
        self._is_closed = True
        if self._made is not None:
            await (await self._made).close()
