"""How much memory the bot has while nothing happens.

`python -m tests.benchmarks.memory` prints one JSON line: the resident memory of the process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import psutil

from bot.localslack.person import Person
from tests.benchmarks.processes import running

LIMIT_MB = 150
_SETTLED_S = 2.0


async def measure() -> tuple[float, float]:
    """MB after the start, and after a run has been done."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as workspace, Person.at(workspace.url, "Ada") as ada:
            await asyncio.sleep(_SETTLED_S)
            idle = _resident(workspace.bot)
            mention = await ada.mention("general", "Compare apples and pears")
            plan = await ada.wait_for(mention, lambda m: "Approve" in m.buttons, 20)
            await ada.click(plan, "Approve")
            await ada.wait_for(mention, lambda m: "Good answer" in m.buttons, 20)
            await asyncio.sleep(_SETTLED_S)
            return idle, _resident(workspace.bot)


def _resident(process_id: int) -> float:
    return psutil.Process(process_id).memory_info().rss / 2**20


def main() -> int:
    """Print the figure beside its limit; 1 where it is over."""
    idle, after = asyncio.run(measure())
    figures = {
        "benchmark": "memory of the idle bot",
        "idle_mb": round(idle, 1),
        "after_a_run_mb": round(after, 1),
        "limit_mb": LIMIT_MB,
        "ratio": round(idle / LIMIT_MB, 3),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(idle > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
