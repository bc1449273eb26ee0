"""Being told to end."""

from __future__ import annotations

import asyncio
import signal


async def told_to_end() -> None:
    """Wait for SIGTERM or SIGINT, which then no longer end the process by themselves."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
