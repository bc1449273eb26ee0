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

from bot.localslack.person import Message, Person
from tests.benchmarks.processes import running

MENTIONS = 50
LIMIT_MS = 300
_PATIENCE_S = 60.0
_POLL_S = 0.5


async def measure() -> list[float]:
    """Milliseconds from each mention to the first reply in its thread."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(Path(folder), channels=MENTIONS) as workspace,
            Person.at(workspace.url, "Ada") as ada,
        ):
            # What is done once in the life of a process is no part of the figure.
            await ada.messages(await ada.mention("general", "Look at apples"))
            await _first_reply(ada, await ada.mention("research", "Look at pears"))
            mentions = await asyncio.gather(
                *(ada.mention(f"bench-{n}", "Compare apples and pears") for n in range(MENTIONS))
            )
            await asyncio.sleep(_POLL_S)
            return [await _first_reply(ada, mention) for mention in mentions]


async def _first_reply(person: Person, mention: Message) -> float:
    async with asyncio.timeout(_PATIENCE_S):
        while len(replies := await person.messages(person.thread(mention))) < 2:
            await asyncio.sleep(_POLL_S)
    # A planning note that is gone again leaves the plan, which came later: the slower figure.
    return 1000 * (float(replies[1].ts) - float(mention.ts))


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
