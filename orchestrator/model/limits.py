"""What is known of the limits of one model, and the calls that count against them.

Pure data and arithmetic: who keeps it, and where, is the business of `rates`. Every time is in
seconds of one clock, which is whoever keeps it's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

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


@dataclass(slots=True)
class Allowance:
    """One limit as it was told `seen_at`; `used` has come since.

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


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call that was let through is taken to use. It is over at `over_at` at the latest."""

    costs: dict[Kind, float]
    over_at: float


@dataclass(slots=True)
class Limits:
    """The limits of one model as last told, and the calls under way, by numbers in the order in
    which they were let through."""

    allowances: dict[Kind, Allowance] = field(default_factory=dict)
    places: dict[int, Taken] = field(default_factory=dict)
    next_number: int = 0
    seen: int = -1
    is_told: bool = False
    untold_until: float | None = None
    held_until: float = 0.0
    usual_output: float = _USUAL_OUTPUT

    def wait_s(self, input_tokens: int, max_tokens: int, now: float) -> float:
        """Seconds until such a call may be let through; 0 where it may at once."""
        # Whoever is dead has not left.
        self.places = {n: taken for n, taken in self.places.items() if taken.over_at > now}
        costs = self._costs(input_tokens, max_tokens)
        waits = (
            allowance.wait_s(costs[kind], self._reserved(kind), now)
            for kind, allowance in self.allowances.items()
        )
        return max(self.held_until - now, self._untold_s(now), *waits, 0.0)

    def enter(self, input_tokens: int, max_tokens: int, over_at: float) -> int:
        """Let such a call through; its number."""
        number = self.next_number
        self.next_number += 1
        self.places[number] = Taken(self._costs(input_tokens, max_tokens), over_at)
        return number

    def leave(self, number: int, usage: Usage | None, *, is_refused: bool) -> None:
        """The call of that number is over: what it has used is no longer a guess."""
        taken = self.places.pop(number, None)
        if usage is not None:
            self.usual_output += (usage.output_tokens - self.usual_output) * _WEIGHT_OF_NEWEST
        if taken is None or is_refused:
            return
        for kind, allowance in self.allowances.items():
            if kind is Kind.OUTPUT or number > self.seen:
                allowance.used += taken.costs[kind] if usage is None else _used(usage, kind)

    def hold(self, until: float) -> None:
        """Let nobody through before."""
        self.held_until = max(self.held_until, until)

    def read(self, headers: Mapping[str, str], number: int, now: float) -> None:
        """Learn from the reply to the call of that number, unless a newer one was read before."""
        told = {kind: _allowance(headers, kind, now) for kind in Kind}
        known = {kind: allowance for kind, allowance in told.items() if allowance is not None}
        self.is_told = True
        if known and number > self.seen:
            self.seen = number
            self.allowances |= known

    def _costs(self, input_tokens: int, max_tokens: int) -> dict[Kind, float]:
        return {
            Kind.REQUESTS: 1,
            Kind.INPUT: input_tokens,
            Kind.OUTPUT: min(self.usual_output, max_tokens),
        }

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
            taken.costs[kind]
            for number, taken in self.places.items()
            if kind is Kind.OUTPUT or number > self.seen
        )


def _used(usage: Usage, kind: Kind) -> float:
    if kind is Kind.REQUESTS:
        return 1
    if kind is Kind.OUTPUT:
        return usage.output_tokens
    # What comes from the cache does not count.
    return usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens


def _allowance(headers: Mapping[str, str], kind: Kind, now: float) -> Allowance | None:
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
    # A bucket that fills evenly needs just the time for what is missing; else it is a window.
    fills = abs(full_in_s - _PERIOD_S * (1 - remaining / limit)) <= _SLACK_S
    full_at = now + max(full_in_s, 0.0) + _ROUNDED_S
    return Allowance(limit, remaining, now, full_at, fills, _spared(kind, limit, fills=fills))


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
