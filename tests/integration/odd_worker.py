"""A worker with something wrong with it: `python -m tests.integration.odd_worker HOURS_AHEAD`.

Its host's clock is so many hours ahead, and tasks may do it harm. With `doctor` after the hours
it says how things stand instead of working.
"""

import asyncio
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import logging
from bot.doctor import examine
from bot.ending import told_to_end
from bot.settings import BotSettings
from orchestrator.model.base import Purpose
from orchestrator.model.offline import OfflineModel
from orchestrator.orchestrator import Orchestrator
from orchestrator.store.clock import CLOCK

# Threads reserve much of it that they never use.
MORE_MEMORY = 4 * 2**30
GREEDY, DEADLY = "It takes all memory.", "It takes its process down."


class HarmfulModel(OfflineModel):
    """Does to its process what a task says its subtasks do."""

    async def complete(self, call, on_text=None):
        if call.purpose is Purpose.SUBTASK and GREEDY in call.task and call.attempt == 1:
            bytearray(2 * MORE_MEMORY)
        if call.purpose is Purpose.SUBTASK and DEADLY in call.task:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().complete(call, on_text)


def limit_memory():
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MORE_MEMORY, most))


def set_clock(ahead):
    """All that tells the time here is so much ahead."""
    real_ns = time.time_ns
    time.time_ns = lambda: real_ns() + round(ahead.total_seconds() * 1e9)
    CLOCK.host = lambda: datetime.now(UTC) + ahead


async def work():
    async with Orchestrator.open(BotSettings.load(), HarmfulModel()):
        limit_memory()
        await told_to_end()


if __name__ == "__main__":
    set_clock(timedelta(hours=float(sys.argv[1])))
    logging.configure()
    if "doctor" in sys.argv:
        for finding in asyncio.run(examine(calls=False)):
            sys.stdout.write(f"{finding.sentence}\n")
    else:
        asyncio.run(work())
