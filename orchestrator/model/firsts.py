"""The first call with a beginning goes before the rest, which then read it from the cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from orchestrator.model.base import Usage
from orchestrator.model.caching import Prefix

# What is cached is kept so long after the start of the last request that used it.
_KEPT_S = 300.0
# Fewer tokens than these are not worth waiting for.
_WORTH_TOKENS = 1_024


class Firsts:
    """Knows which prefixes are in the cache, and who is about to put them there."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._going: dict[str, asyncio.Event] = {}
        self._uncached: dict[str, int] = {}

    @asynccontextmanager
    async def turn(
        self, model: str, prefixes: Sequence[Prefix], cached_from: int, patience_s: float
    ) -> AsyncGenerator[Turn, None]:
        """Wait, at most `patience_s` seconds, while another call is the first with one of
        `prefixes` to `model`, which caches what has `cached_from` tokens and more.

        Whoever is first lets the others through with `begun`, or by leaving: then one of them
        is the first.
        """
        started = asyncio.get_running_loop().time()
        least = max(cached_from, self._uncached.get(model, 0))
        turn = Turn(self, model, _worth_waiting_for(prefixes, least), started)
        try:
            for prefix in turn.prefixes:
                if await self._goes_first(prefix.key, started + patience_s):
                    turn.leads.append(prefix.key)
            yield turn
        finally:
            for key in turn.leads:
                self._going.pop(key).set()

    async def _goes_first(self, key: str, until: float) -> bool:
        """Wait until `key` is in the cache or `until`; whether this call is to put it there."""
        while not self.is_kept(key):
            first = self._going.get(key)
            if first is None:
                self._going[key] = asyncio.Event()
                return True
            try:
                async with asyncio.timeout_at(until):
                    await first.wait()
            except TimeoutError:
                return False
        return False

    def is_kept(self, key: str) -> bool:
        """Whether the service should have it in its cache."""
        now = asyncio.get_running_loop().time()
        return now - self._used.get(key, -_KEPT_S) < _KEPT_S

    def note_kept(self, key: str, at: float) -> None:
        """A call that was sent `at` that time is being answered: the others can go."""
        last = max(at, self._used.get(key, at))
        self._used = {k: t for k, t in self._used.items() if at - t < _KEPT_S} | {key: last}
        if key in self._going:
            self._going[key].set()

    def note_uncached(self, model: str, tokens: int) -> None:
        """So many tokens are not cached by `model`: only for many more are others to wait."""
        self._uncached[model] = max(2 * tokens, self._uncached.get(model, 0))


class Turn:
    """A call's turn to be sent. `prefixes` are those worth waiting for."""

    def __init__(self, firsts: Firsts, model: str, prefixes: Sequence[Prefix], started: float):
        self.prefixes = prefixes
        self.leads: list[str] = []
        self._firsts = firsts
        self._model = model
        self._started = started

    @property
    def kept_tokens(self) -> int:
        """The tokens that should come from the cache."""
        kept = [p.tokens for p in self.prefixes if self._firsts.is_kept(p.key)]
        return max(kept, default=0)

    def begun(self) -> None:
        """The service has begun to answer: from now on the prefixes are in its cache."""
        for prefix in self.prefixes:
            self._firsts.note_kept(prefix.key, self._started)

    def ended(self, usage: Usage) -> None:
        """The answer is complete, and says what was cached."""
        written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        cached = usage.cache_read_tokens + written
        if self.prefixes and usage.input_tokens and not cached:
            self._firsts.note_uncached(self._model, self.prefixes[-1].tokens)


def _worth_waiting_for(prefixes: Sequence[Prefix], least: int) -> list[Prefix]:
    chosen: list[Prefix] = []
    for prefix in prefixes:
        more = prefix.tokens - (chosen[-1].tokens if chosen else 0)
        if prefix.tokens >= least and more >= min(least, _WORTH_TOKENS):
            chosen.append(prefix)
    return chosen
