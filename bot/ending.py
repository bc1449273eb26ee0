"""Being told to end."""

from __future__ import annotations

import asyncio
import signal

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def told_to_end() -> None:
    """Wait for SIGTERM or SIGINT; a second one ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
