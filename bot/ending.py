"""Being told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FIRST_PROCESS = 1


def end_when_told() -> None:
    """Let SIGTERM end the process from now on, also while it starts, with exit code 0.

    Process 1, such as that of a container, ignores signals that it has no handler for.
    """
    signal.signal(signal.SIGTERM, _leave)


async def told_to_end() -> None:
    """Wait for SIGTERM or SIGINT; a second one ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        if os.getpid() == _FIRST_PROCESS:
            signal.signal(number, _leave_at_once)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit()


def _leave_at_once(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
