"""How much memory the bot has while nothing happens.

`python -m tests.benchmarks.memory` prints a JSON line for each model: the resident memory of the
process, idle and once the model has been asked, when the SDK of Anthropic is there too.
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
from tests.messages_service import MessagesService, error

LIMIT_MB = 150
_SETTLED_S = 2.0


async def offline() -> tuple[float, float]:
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


async def anthropic() -> tuple[float, float]:
    """MB after the start, and after the SDK has called a service that does not take the key."""
    with tempfile.TemporaryDirectory() as folder:
        async with MessagesService() as service:
            service.answers(error(401, "authentication_error"))
            settings = {
                "ORCHESTRATOR_MODEL": "anthropic",
                "ANTHROPIC_API_KEY": "none",
                "ANTHROPIC_BASE_URL": service.url,
            }
            async with (
                running(Path(folder), settings=settings) as workspace,
                Person.at(workspace.url, "Ada") as ada,
            ):
                await asyncio.sleep(_SETTLED_S)
                idle = _resident(workspace.bot)
                mention = await ada.mention("general", "Compare apples and pears")
                await ada.wait_for(mention, lambda m: "account" in m.words, 20)
                await asyncio.sleep(_SETTLED_S)
                return idle, _resident(workspace.bot)


def _resident(process_id: int) -> float:
    return psutil.Process(process_id).memory_info().rss / 2**20


def main() -> int:
    """Print the figures beside their limit; 1 where one is over."""
    # The SDK, of which 40 MB are types of calls that nobody makes here, comes with the first call.
    is_over = False
    for measure in (offline, anthropic):
        idle, after = asyncio.run(measure())
        figures = {
            "benchmark": f"memory of the idle bot, {measure.__name__} model",
            "idle_mb": round(idle, 1),
            "after_a_run_mb": round(after, 1),
            "limit_mb": LIMIT_MB,
            "ratio": round(idle / LIMIT_MB, 3),
        }
        sys.stdout.write(json.dumps(figures) + "\n")
        is_over |= idle > LIMIT_MB
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
