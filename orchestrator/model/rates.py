"""The rate limits of the service: calls wait before they would be refused.

The service says with each reply what it allows a minute, what remains, and when that is full
again. What was sent since is taken off until the next reply tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import count

from orchestrator.model.base import Usage

# Limits are by the minute.
_PERIOD_S = 60.0
# Resets are told in whole seconds, and what remains in thousands of tokens.
_SLACK_S = 3.0
_ROUNDED_S = 1.0
# A clock that differs by more from the service's is not asked.
_SKEW_S = 2.0
# What is left alone of a limit. Tokens, which are told in thousands, or of a small limit this
# part; of requests what covers that clocks do not go quite alike.
_SPARED_TOKENS = 1_000
_SPARED_PART = 0.02
_SPARED_REQUESTS = 0.1
# Until a first reply has told the limits: so many calls at once, or more after so many seconds.
_MOST_UNTOLD = 10
_UNTOLD_S = 5.0
# Tokens an answer is taken to have until it is known how long they are.
_USUAL_OUTPUT = 1_000
_WEIGHT_OF_NEWEST = 0.1


class Kind(StrEnum):
    """What is limited, as the headers name it."""

    REQUESTS = "requests"
    INPUT = "input-tokens"
    OUTPUT = "output-tokens"


class NoPlace(Exception):
    """The limits do not allow the call within its time."""


@dataclass(slots=True)
class _Allowance:
    """One limit as it was told `seen_at`, by the clock of the loop; `used` has come since.

    One that `fills` does so all the time, until it is full; others are full again at once.
    """

    limit: float
    remaining: float
    seen_at: float
    full_at: float
    fills: bool
    spared: float
    used: float = 0.0

    def wait_s(self, cost: float, reserved: float, now: float) -> float:
        """Seconds until `cost` can be taken, while `reserved` is not yet known to the service."""
        if now >= self.full_at:
            self.remaining, self.used = self.limit, 0.0
            self.seen_at, self.full_at = now, now + _PERIOD_S
        per_s = self.limit / _PERIOD_S if self.fills else 0.0
        level = min(self.limit, self.remaining + per_s * (now - self.seen_at)) - self.used
        missing = min(cost + self.spared, self.limit) + reserved - level
        if missing <= 1e-6:
            return 0.0
        until_full_s = max(self.full_at - now, 0.001)
        return min(missing / per_s, until_full_s) if per_s else until_full_s


@dataclass(eq=False, slots=True)
class Place:
    """A call that was let through; it counts until it ends."""

    number: int
    costs: dict[Kind, float]
    limits: _Limits
    is_refused: bool = False
    usage: Usage | None = None

    def told(self, headers: Mapping[str, str]) -> None:
        """The service has answered with these headers."""
        self.limits.read(headers, self.number)

    def refused(self, headers: Mapping[str, str], retry_after_s: float) -> None:
        """The service has refused the call: nobody is to ask again before it says so."""
        self.is_refused = True
        self.limits.hold(retry_after_s)
        self.told(headers)


@dataclass(slots=True)
class _Limits:
    """What is known of the limits of one model, and the calls that count against them."""

    allowances: dict[Kind, _Allowance] = field(default_factory=dict)
    places: set[Place] = field(default_factory=set)
    seen: int = -1
    is_told: bool = False
    untold_until: float | None = None
    held_until: float = 0.0
    usual_output: float = _USUAL_OUTPUT
    line: asyncio.Lock = field(default_factory=asyncio.Lock)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: count[int] = field(default_factory=count)

    async def enter(self, input_tokens: int, max_tokens: int, within_s: float) -> Place:
        """Wait in line until there is a place. Raises NoPlace."""
        until = _now() + within_s
        try:
            async with asyncio.timeout_at(until), self.line:
                costs = self._costs(input_tokens, max_tokens)
                while (wait_s := self._wait_s(costs)) > 0:
                    if _now() + wait_s > until:
                        raise NoPlace
                    await self._news_within(wait_s)
        except TimeoutError as error:
            raise NoPlace from error
        place = Place(next(self.numbers), costs, self)
        self.places.add(place)
        return place

    def leave(self, place: Place) -> None:
        """The call of `place` is over: what it has used is no longer a guess."""
        self.places.discard(place)
        if place.usage is not None:
            longer = place.usage.output_tokens - self.usual_output
            self.usual_output += longer * _WEIGHT_OF_NEWEST
        for kind, allowance in self.allowances.items():
            if not place.is_refused and (kind is Kind.OUTPUT or place.number > self.seen):
                allowance.used += _used(place, kind)
        self.news.set()

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self.held_until = max(self.held_until, _now() + seconds)

    def read(self, headers: Mapping[str, str], number: int) -> None:
        """Learn from the reply to the call of that number, unless a newer one was read before."""
        told = {kind: _allowance(headers, kind) for kind in Kind}
        known = {kind: allowance for kind, allowance in told.items() if allowance is not None}
        self.is_told = True
        self.news.set()
        if known and number > self.seen:
            self.seen = number
            self.allowances |= known

    def _costs(self, input_tokens: int, max_tokens: int) -> dict[Kind, float]:
        return {
            Kind.REQUESTS: 1,
            Kind.INPUT: input_tokens,
            Kind.OUTPUT: min(self.usual_output, max_tokens),
        }

    def _wait_s(self, costs: Mapping[Kind, float]) -> float:
        now = _now()
        waits = (
            allowance.wait_s(costs[kind], self._reserved(kind), now)
            for kind, allowance in self.allowances.items()
        )
        return max(self.held_until - now, self._untold_s(now), *waits, 0.0)

    def _untold_s(self, now: float) -> float:
        """Seconds to wait for a first reply, since nothing is known of the limits."""
        if self.is_told or len(self.places) < _MOST_UNTOLD:
            return 0.0
        self.untold_until = self.untold_until or now + _UNTOLD_S
        return self.untold_until - now

    def _reserved(self, kind: Kind) -> float:
        """What calls under way may still use that the service had not counted when it told.

        It counts a request and its input when it takes it up, output as it is written.
        """
        return sum(
            place.costs[kind]
            for place in self.places
            if kind is Kind.OUTPUT or place.number > self.seen
        )

    async def _news_within(self, seconds: float) -> None:
        self.news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()


class Rates:
    """The limits of all models of one key. Whoever shares the key in this process shares this."""

    def __init__(self) -> None:
        self._of: dict[str, _Limits] = {}

    @asynccontextmanager
    async def place(
        self, model: str, input_tokens: int, max_tokens: int, within_s: float
    ) -> AsyncGenerator[Place, None]:
        """Wait, at most `within_s` seconds, until the limits of `model` allow such a call.

        Raises NoPlace as soon as it is clear that they will not.
        """
        limits = self._of.setdefault(model, _Limits())
        place = await limits.enter(input_tokens, max_tokens, within_s)
        try:
            yield place
        finally:
            limits.leave(place)


def _used(place: Place, kind: Kind) -> float:
    usage = place.usage
    if usage is None or kind is Kind.REQUESTS:
        return place.costs[kind]
    if kind is Kind.OUTPUT:
        return usage.output_tokens
    # What comes from the cache does not count.
    return usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens


def _allowance(headers: Mapping[str, str], kind: Kind) -> _Allowance | None:
    """What the headers say of one limit; None where they say nothing of use."""
    prefix = f"anthropic-ratelimit-{kind}"
    try:
        limit = float(headers[f"{prefix}-limit"])
        remaining = float(headers[f"{prefix}-remaining"])
        full_in_s = _until_s(headers[f"{prefix}-reset"], headers.get("date"))
    except (KeyError, ValueError, TypeError):
        return None
    if not 0 < limit < float("inf") or not 0 <= remaining <= limit:
        return None
    now = _now()
    # A bucket that fills evenly needs just the time for what is missing; else it is a window.
    fills = abs(full_in_s - _PERIOD_S * (1 - remaining / limit)) <= _SLACK_S
    full_at = now + max(full_in_s, 0.0) + _ROUNDED_S
    return _Allowance(limit, remaining, now, full_at, fills, _spared(kind, limit, fills=fills))


def _spared(kind: Kind, limit: float, *, fills: bool) -> float:
    if kind is Kind.REQUESTS:
        return _SPARED_REQUESTS if fills else 0.0
    return min(_SPARED_TOKENS, limit * _SPARED_PART)


def _until_s(reset: str, date: str | None) -> float:
    """Seconds until `reset` (RFC 3339), by the clock of the service where ours is wrong."""
    now = datetime.now(UTC)
    if date is not None:
        theirs = parsedate_to_datetime(date)
        if abs((theirs - now).total_seconds()) > _SKEW_S:
            now = theirs
    return (datetime.fromisoformat(reset) - now).total_seconds()


def _now() -> float:
    return asyncio.get_running_loop().time()
