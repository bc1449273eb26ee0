"""Addresses of threads, which lead people to them from anywhere in Slack."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin

from bot.installations import Installations
from bot.view import RunRow


async def of_threads(
    installations: Installations, team_id: str, rows: Iterable[RunRow]
) -> dict[str, str]:
    """The address of the thread of each run that has one, by the run's id.

    They are made as chat.getPermalink makes them, without a call for each.
    """
    address = await installations.address(team_id)
    if not address:
        return {}
    return {
        row.id: urljoin(address, f"archives/{row.channel}/p{row.thread.replace('.', '')}")
        for row in rows
        if row.channel and row.thread
    }
