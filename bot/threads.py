"""Threads of Slack: their first message and the latest ones, within a few calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.contents import JsonObject, Messages, Thread, seconds, time_of
from bot.refusals import in_short
from bot.web_client import patience

log = structlog.get_logger(__name__)

# Slack gives the earliest messages of a time first: the latest are found by looking at shorter
# and shorter times before the end.
_FIRST_PAGE = 200
_PAGE = 999
_WANTED = 400
_MOST_CALLS = 6
# A run is to start soon, with the thread or without. Apps that are distributed outside the
# Marketplace may ask once a minute, for 15 messages.
_SECONDS = 8.0
_PATIENCE_S = 4.0

_NOTHING = Thread(is_read=False)


async def read(client: AsyncWebClient, channel: str, ts: str) -> Thread:
    """Read a thread. It is only context: where Slack does not give it, that is all that is said."""
    looking = _Looking(client, channel, ts)
    try:
        with patience(_PATIENCE_S):
            async with asyncio.timeout(_SECONDS):
                await looking.read()
    except (TimeoutError, aiohttp.ClientError, SlackClientError) as error:
        log.warning("thread_not_read", error=in_short(error))
    return looking.thread


async def message_at(
    client: AsyncWebClient, channel: str, ts: str, thread: str
) -> JsonObject | None:
    """Return one message, wherever in its thread it is; None where it is not there any more."""
    page = await client.conversations_replies(
        channel=channel, ts=thread, oldest=ts, latest=ts, inclusive=True, limit=2
    )
    return next((found for found in page["messages"] if found.get("ts") == ts), None)


@dataclass(slots=True)
class _Looking:
    """The reading of one thread; `thread` is what was found so far."""

    client: AsyncWebClient
    channel: str
    ts: str
    thread: Thread = _NOTHING

    async def read(self) -> None:
        found, has_more = await self._page(limit=_FIRST_PAGE)
        if not has_more:
            self.thread = Thread(found)
            return
        parent = next((message for message in found if message.get("ts") == self.ts), {})
        total = 1 + max(len(found), _count(parent.get("reply_count")))
        self.thread = Thread(found, total - len(found), ends_early=True)
        await self._read_end(found, total, seconds(parent.get("latest_reply")))

    async def _read_end(self, first: Messages, total: int, end: float) -> None:
        """Look at the time before the end, as much of it as may hold the messages wanted."""
        begin = time_of(first[-1])
        width = (end - begin) * min(1.0, _WANTED / (total - len(first)))
        for _ in range(_MOST_CALLS - 1):
            start = max(begin, end - width)
            found, has_more = await self._page(limit=_PAGE, oldest=f"{start:.6f}")
            latest = tuple(message for message in found if time_of(message) > start)
            kept = (*(first if start <= time_of(first[-1]) else first[:1]), *latest)
            left = max(0, total - len(kept))
            self.thread = Thread(kept, left, ends_early=has_more)
            if has_more and latest:
                # There is more in that time than a page holds: look at the end of what is left.
                begin = time_of(latest[-1])
                width = (end - begin) / 2
            elif len(latest) < _WANTED // 4 and start > begin:
                width *= 4
            else:
                return

    async def _page(self, **wanted: Any) -> tuple[Messages, bool]:
        page = await self.client.conversations_replies(channel=self.channel, ts=self.ts, **wanted)
        found = tuple(
            item for item in page.get("messages") or () if isinstance(item.get("ts"), str)
        )
        return tuple(sorted(found, key=time_of)), bool(page.get("has_more")) and bool(found)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
