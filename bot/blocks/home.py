"""The Home tab: what waits for a person, what runs, what was."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks.elements import context, divider, header, paragraph
from bot.blocks.history import row
from bot.blocks.payload import Block
from bot.view import RunRow

# 100 blocks are a Home tab.
_MOST_ROWS = 20


def home(
    *,
    waiting: Sequence[RunRow],
    running: Sequence[RunRow],
    recent: Sequence[RunRow],
    offline: bool,
) -> list[Block]:
    """The blocks of the Home tab."""
    blocks = [header("Orchestrator"), context(_HOW)]
    if offline:
        blocks.append(context("🔌 Offline: answers are samples, made without a model."))
    if not (waiting or running or recent):
        return [*blocks, divider(), paragraph(_EMPTY)]
    blocks += _part("✋ Waiting for you", waiting, "Nothing waits for you.")
    blocks += _part("🔵 Running", running, "Nothing is running.")
    return [*blocks, *_part("🗂️ Recent", recent, "Nothing is finished yet.")]


_HOW = (
    "Mention me in a channel with a task, write to me in *Messages*, or type `/orchestrate` and "
    "the task. `/runs` finds past runs."
)
_EMPTY = (
    "*Nothing here yet.*\nTell me what you need, for example: “Compare three job queues for "
    "Python and recommend one.” I'll show you a plan, and start when you approve it."
)


def _part(title: str, rows: Sequence[RunRow], empty: str) -> list[Block]:
    shown = [row(item) for item in rows[:_MOST_ROWS]] or [context(empty)]
    if (hidden := len(rows) - _MOST_ROWS) > 0:
        shown.append(context(f"…and {hidden} more: type `/runs`."))
    return [divider(), header(title), *shown]
