"""How a command ends, for whoever called it."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Exit codes. 128 and the number of a signal (130 for Ctrl-C) say that it came."""

    COMPLETED = 0
    # The run ended without an answer, or the command was refused.
    UNFINISHED = 1
    MISUSED = 2
    # The run waits for a person, who was not there to be asked.
    WAITING = 3
