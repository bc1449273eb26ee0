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
    """`burst` calls at once, then `per_minute`; for each channel where `by_channel`.

    `together` is what all channels of a workspace may have a minute, where that is limited too.
    """

    per_minute: float
    burst: int
    by_channel: bool = False
    together: int = 0


TIER_2 = Rate(20, 20)
TIER_3 = Rate(50, 50)
TIER_4 = Rate(100, 100)
# One a second in a channel, several hundred a minute in a workspace.
POST = Rate(60, 10, by_channel=True, together=300)
SPECIAL = Rate(600, 200)

MOST_MESSAGES = 999
# What apps that are distributed outside the Marketplace get of conversations:
# https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps
OUTSIDE_MARKETPLACE = dict.fromkeys(("conversations.history", "conversations.replies"), Rate(1, 1))
MOST_MESSAGES_OUTSIDE_MARKETPLACE = 15


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used: `used` of `burst` calls, of which `per_minute` come back."""

    used: int
    burst: int
    per_minute: float


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    at: float

    def refill(self, now: float) -> None:
        """Give back what came back since the last call."""
        gained = (now - self.at) * self.rate.per_minute / 60
        self.tokens = min(self.rate.burst, self.tokens + max(0.0, gained))
        self.at = now

    @property
    def wait_s(self) -> int:
        """Whole seconds until a call is allowed; 0 where it is now."""
        missing = 1 - self.tokens
        return max(1, math.ceil(missing * 60 / self.rate.per_minute)) if missing > 0 else 0


class Rates:
    """Counts calls; `enabled` switches all limits off, `set` changes one method's.

    With `outside_marketplace` the limits are those of an app that other companies install, and
    not from the Slack Marketplace.
    """

    def __init__(self, clock: Clock):
        self.enabled = True
        self.outside_marketplace = False
        self._clock = clock
        self._changed: dict[str, Rate] = {}
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    @property
    def most_messages(self) -> int:
        """How many messages a page of a conversation has at most."""
        return MOST_MESSAGES_OUTSIDE_MARKETPLACE if self.outside_marketplace else MOST_MESSAGES

    def set(self, method: str, rate: Rate) -> None:
        """Another rate for a method, from now on."""
        self._changed[method] = rate

    def changed(self) -> dict[str, Rate]:
        """The methods whose rate is not Slack's."""
        return dict(self._changed)

    def take(self, method: str, default: Rate, channel: str = "", tenant: str = "") -> Usage | None:
        """Count a call; each installation has its own limits, whom `tenant` names.

        Raises `ApiError` ratelimited with the seconds to wait.
        """
        if not self.enabled:
            return None
        rate = self._rate(method, default)
        bucket = self._bucket((method, tenant, channel if rate.by_channel else ""), rate)
        buckets = [bucket]
        if rate.together:
            whole = Rate(rate.together, rate.together)
            buckets.append(self._bucket((method, tenant, "*"), whole))
        wait_s = max(each.wait_s for each in buckets)
        if wait_s:
            raise ApiError("ratelimited", retry_after_s=wait_s, status=429)
        for each in buckets:
            each.tokens -= 1
        return Usage(math.ceil(rate.burst - bucket.tokens), rate.burst, rate.per_minute)

    def _rate(self, method: str, default: Rate) -> Rate:
        if method in self._changed:
            return self._changed[method]
        if self.outside_marketplace:
            return OUTSIDE_MARKETPLACE.get(method, default)
        return default

    def _bucket(self, key: tuple[str, str, str], rate: Rate) -> _Bucket:
        """Return the bucket of that name, filled to now; a new one where the rate is another."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key] = _Bucket(rate, rate.burst, now)
        bucket.refill(now)
        return bucket
