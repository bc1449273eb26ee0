"""How soon the bot first replies when it is mentioned fifty times at once, each in a channel,
and what it looks up for that.

`python -m tests.benchmarks.mentions` prints one JSON line. The times are the workspace's own:
from the moment the mention was posted to the moment the reply was. Its limits are Slack's.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from bot.localslack.person import Person
from bot.web_client import LOOK_UPS
from tests.benchmarks.processes import running

MENTIONS = 50
LIMIT_MS = 300
LIMIT_LOOK_UPS = 1.2
"""Look-ups that a mention may cost, none of them refused."""
_PATIENCE_S = 60.0
_QUIET_S = 2.0


async def measure() -> tuple[list[float], list[dict[str, Any]]]:
    """Return the milliseconds from each mention to the first reply in its thread, and the
    look-ups that were made."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(Path(folder), channels=MENTIONS) as workspace,
            Person.at(workspace.url, "Ada") as ada,
        ):
            # What is done once in the life of a process is no part of the figure.
            first = await ada.mention("general", "Look at apples")
            await ada.wait_for(first, lambda message: "Approve" in message.buttons, _PATIENCE_S)
            mentions = await asyncio.gather(
                *(ada.mention(f"bench-{n}", "Compare apples and pears") for n in range(MENTIONS))
            )
            # Whoever looks on takes time from those who work.
            await asyncio.sleep(_QUIET_S)
            calls = await _calls(workspace.url)
    posted = _first_posts(calls)
    taken = [1000 * (posted[mention.ts] - float(mention.ts)) for mention in mentions]
    begun = float(mentions[0].ts)
    return taken, [call for call in calls if call["method"] in LOOK_UPS and call["at"] >= begun]


async def _calls(url: str) -> list[dict[str, Any]]:
    """Return the calls that the workspace noted."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/local/calls") as response:
        calls: list[dict[str, Any]] = (await response.json())["calls"]
        return calls


def _first_posts(calls: list[dict[str, Any]]) -> dict[str, float]:
    """When the bot first posted in each thread, by the thread, as the workspace noted it."""
    posts = [c for c in calls if c["method"] == "chat.postMessage" and c["error"] is None]
    return {c["arguments"].get("thread_ts"): c["at"] for c in reversed(posts)}


def main() -> int:
    """Print the figures beside their limits; 1 where one is over."""
    measured, look_ups = asyncio.run(measure())
    taken = sorted(measured)
    median, each = statistics.median(taken), len(look_ups) / len(taken)
    refused = sum(call["error"] is not None for call in look_ups)
    figures = {
        "benchmark": "first reply to a mention",
        "mentions": len(taken),
        "median_ms": round(median, 1),
        "p95_ms": round(taken[int(0.95 * len(taken))], 1),
        "limit_ms": LIMIT_MS,
        "ratio": round(median / LIMIT_MS, 3),
        "look_ups_a_mention": round(each, 3),
        "limit_look_ups": LIMIT_LOOK_UPS,
        "refused": refused,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(median > LIMIT_MS or each > LIMIT_LOOK_UPS or refused > 0)


if __name__ == "__main__":
    sys.exit(main())
