"""How soon the bot first replies when fifty people mention it at once, each in a channel.

`python -m tests.benchmarks.mentions` prints one JSON line. The times are the workspace's own:
from the moment the mention was posted to the moment the reply was.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

import aiohttp

from bot.localslack.person import Person
from tests.benchmarks.processes import running

MENTIONS = 50
LIMIT_MS = 300
_PATIENCE_S = 60.0
_QUIET_S = 2.0


async def measure() -> list[float]:
    """Milliseconds from each mention to the first reply in its thread."""
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
            posted = await _first_posts(workspace.url)
    return [1000 * (posted[mention.ts] - float(mention.ts)) for mention in mentions]


async def _first_posts(url: str) -> dict[str, float]:
    """When the bot first posted in each thread, by the thread, as the workspace noted it."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/local/calls") as response:
        calls = (await response.json())["calls"]
    posts = [c for c in calls if c["method"] == "chat.postMessage" and c["error"] is None]
    return {c["arguments"].get("thread_ts"): c["at"] for c in reversed(posts)}


def main() -> int:
    """Print the figure beside its limit; 1 where it is over."""
    taken = sorted(asyncio.run(measure()))
    median = statistics.median(taken)
    figures = {
        "benchmark": "first reply to a mention",
        "mentions": len(taken),
        "median_ms": round(median, 1),
        "p95_ms": round(taken[int(0.95 * len(taken))], 1),
        "limit_ms": LIMIT_MS,
        "ratio": round(median / LIMIT_MS, 3),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(median > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
