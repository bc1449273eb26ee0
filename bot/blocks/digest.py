"""The daily message about dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.blocks.elements import context, header
from bot.blocks.history import waiting_row
from bot.blocks.payload import Payload
from bot.view import RunRow
from orchestrator.text import plural

MOST = 15


def letters(rows: Sequence[RunRow], links: Mapping[str, str]) -> Payload:
    """The runs that wait because of dead letters, with a way to each of them."""
    shown = [block for item in rows[:MOST] for block in waiting_row(item, links)]
    if len(rows) > MOST:
        shown.append(context("…and more: type `/runs dead`."))
    count = plural(len(rows), "run") if len(rows) <= MOST else f"more than {MOST} runs"
    blocks = [header("Dead letters wait for you"), *shown, context(_HOW)]
    return Payload(blocks, f"Dead letters wait for you in {count}.")


_HOW = (
    "In the thread you can retry what failed, with other instructions if you like, skip it, or "
    "stop the run. I say this once a day while something waits."
)
