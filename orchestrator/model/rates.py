"""The rate limits of the service: calls wait before they would be refused.

The service says with each reply what it allows a minute, what remains, and when that is full
again. What was sent since is taken off until the next reply tells.

All of that is one ledger, a record for each model, and every step of a call is one change of the
record: it is let through, it is answered or refused, it is over. Where one process works the
ledger is in its memory. Processes that share a key share a ledger in their database
(`orchestrator.store.rates`), so that what any of them sends or is told counts for all, and none
of them asks while one was told to wait. Dividing the limit by the number of processes would need
no table, but leaves unused what a process without work does not ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, TypeVar

import structlog

from orchestrator.model.base import Usage
from orchestrator.model.limits import Limits

T = TypeVar("T")
# Given a record and the time of the ledger's clock in seconds. It changes the record.
Change = Callable[[Limits, float], T]

# A call that has not left so long after its time has nobody any more who would say so.
_OVERDUE_S = 30.0

log = structlog.get_logger(__name__)


class NoPlace(Exception):
    """The limits do not allow the call within its time."""


class NoLedger(Exception):
    """The ledger cannot be reached just now."""


class Ledger(Protocol):
    """Keeps what is known of the limits of each model."""

    # Others may change it, so whoever waits looks again after so many seconds.
    look_again_s: float

    async def change(self, model: str, change: Change[T]) -> T:
        """Apply `change` to the model's record, with nobody else at it. Raises NoLedger."""
        ...


class OwnLedger:
    """The ledger of a process that is the only one at work."""

    look_again_s = inf

    def __init__(self) -> None:
        self._of: dict[str, Limits] = {}

    async def change(self, model: str, change: Change[T]) -> T:
        return change(self._of.setdefault(model, Limits()), _now())


@dataclass(eq=False, slots=True)
class Place:
    """A call that was let through; it counts until it ends. Without a number nobody counts it."""

    line: _Line
    number: int | None
    is_refused: bool = False
    usage: Usage | None = None

    async def told(self, headers: Mapping[str, str]) -> None:
        """The service has answered with these headers."""
        await self._note(lambda limits, number, now: limits.read(headers, number, now))

    async def refused(self, headers: Mapping[str, str], retry_after_s: float) -> None:
        """The service has refused the call: nobody is to ask again before it says so."""
        self.is_refused = True

        def note(limits: Limits, number: int, now: float) -> None:
            limits.hold(now + retry_after_s)
            limits.read(headers, number, now)

        await self._note(note)

    async def leave(self) -> None:
        """The call is over."""
        await self._note(
            lambda limits, number, _: limits.leave(number, self.usage, is_refused=self.is_refused)
        )

    async def _note(self, note: Callable[[Limits, int, float], None]) -> None:
        number = self.number
        if number is None:
            return
        try:
            await self.line.change(lambda limits, now: note(limits, number, now))
        except NoLedger as error:
            # The next reply tells what remains; the place is free when its time is up.
            log.warning("rates_not_noted", error=str(error))


@dataclass(slots=True)
class _Line:
    """Those here who wait for the limits of one model."""

    model: str
    ledger: Ledger
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, input_tokens: int, max_tokens: int, within_s: float) -> Place:
        """Wait in line until there is a place. Raises NoPlace."""
        until = _now() + within_s

        def look(limits: Limits, now: float) -> tuple[int | None, float]:
            wait_s = limits.wait_s(input_tokens, max_tokens, now)
            if wait_s > 0:
                return None, wait_s
            over_at = now + within_s + _OVERDUE_S
            return limits.enter(input_tokens, max_tokens, over_at), 0.0

        try:
            async with asyncio.timeout_at(until), self.turn:
                return Place(self, await self._number(look, until))
        except TimeoutError as error:
            raise NoPlace from error
        except NoLedger as error:
            # Limits only save refusals: the call goes on without them.
            log.warning("rates_not_known", error=str(error))
            return Place(self, None)

    async def _number(self, look: Change[tuple[int | None, float]], until: float) -> int:
        while True:
            self.news.clear()
            number, wait_s = await self.ledger.change(self.model, look)
            if number is not None:
                return number
            if _now() + wait_s > until:
                raise NoPlace
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, self.ledger.look_again_s)):
                    await self.news.wait()

    async def change(self, change: Change[None]) -> None:
        await self.ledger.change(self.model, change)
        self.news.set()


class Rates:
    """The limits of all models of one key, for whoever shares the key here and, with a ledger
    between processes, elsewhere."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self._ledger = ledger or OwnLedger()
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def place(
        self, model: str, input_tokens: int, max_tokens: int, within_s: float
    ) -> AsyncGenerator[Place, None]:
        """Wait, at most `within_s` seconds, until the limits of `model` allow such a call.

        Raises NoPlace as soon as it is clear that they will not.
        """
        line = self._lines.setdefault(model, _Line(model, self._ledger))
        place = await line.enter(input_tokens, max_tokens, within_s)
        try:
            yield place
        finally:
            await place.leave()


def _now() -> float:
    return asyncio.get_running_loop().time()
