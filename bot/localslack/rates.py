"""Slack's rate limits as buckets of tokens, by method, workspace and, for posts, channel.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.localslack.errors import ApiError
from bot.localslack.ids import Clock


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, then `per_minute`; for each channel where `by_channel`."""

    per_minute: float
    burst: int
    by_channel: bool = False


TIER_2 = Rate(20, 20)
TIER_3 = Rate(50, 50)
TIER_4 = Rate(100, 100)
POST = Rate(60, 10, by_channel=True)
SPECIAL = Rate(600, 200)
CONNECT = Rate(20, 20)


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used: `used` of `burst` calls, of which `per_minute` come back."""

    used: int
    burst: int
    per_minute: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """Counts calls; `enabled` switches all limits off, `set` changes one method's."""

    def __init__(self, clock: Clock):
        self.enabled = True
        self._clock = clock
        self._changed: dict[str, Rate] = {}
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def set(self, method: str, rate: Rate) -> None:
        """Another rate for a method, from now on."""
        self._changed[method] = rate
        self._buckets = {key: value for key, value in self._buckets.items() if key[0] != method}

    def changed(self) -> dict[str, Rate]:
        """The methods whose rate is not Slack's."""
        return dict(self._changed)

    def take(self, method: str, default: Rate, channel: str = "", tenant: str = "") -> Usage | None:
        """Count a call; each installation has its own limits, whom `tenant` names.

        Raises `ApiError` ratelimited with the seconds to wait.
        """
        if not self.enabled:
            return None
        rate = self._changed.get(method, default)
        bucket = self._bucket(method, rate, channel, tenant)
        if bucket.tokens < 1:
            wait_s = (1 - bucket.tokens) * 60 / rate.per_minute
            raise ApiError("ratelimited", retry_after_s=max(1, math.ceil(wait_s)), status=429)
        bucket.tokens -= 1
        return Usage(math.ceil(rate.burst - bucket.tokens), rate.burst, rate.per_minute)

    def _bucket(self, method: str, rate: Rate, channel: str, tenant: str) -> _Bucket:
        now = self._clock()
        key = (method, tenant, channel if rate.by_channel else "")
        bucket = self._buckets.setdefault(key, _Bucket(rate.burst, now))
        gained = (now - bucket.at) * rate.per_minute / 60
        bucket.tokens = min(rate.burst, bucket.tokens + max(0.0, gained))
        bucket.at = now
        return bucket
