"""Addresses of threads, which lead people to them from anywhere in Slack."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin

from bot.installations import Installations
from bot.view import RunRow
from orchestrator.store.tables import Run


async def of_threads(
    installations: Installations, team_id: str, rows: Iterable[RunRow]
) -> dict[str, str]:
    """The address of the thread of each run that has one, by the run's id.

    They are made as chat.getPermalink makes them, without a call for each.
    """
    address = await installations.address(team_id)
    return {
        row.id: _made(address, row.channel, row.thread)
        for row in rows
        if address and row.channel and row.thread
    }


async def of_thread(installations: Installations, run: Run) -> str | None:
    """The address of the run's thread; None where it has none yet."""
    address = await installations.address(run.team_id)
    if not address or not run.channel or not run.thread:
        return None
    return _made(address, run.channel, run.thread)


def _made(address: str, channel: str, thread: str) -> str:
    return urljoin(address, f"archives/{channel}/p{thread.replace('.', '')}")
