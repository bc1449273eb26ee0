"""The time, by the database's clock where a host's own is set wrong: all processes agree on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from orchestrator.store.database import Database

log = structlog.get_logger(__name__)

# Clocks that are kept by NTP differ by milliseconds.
_TOLERATED = timedelta(seconds=1)
# The quickest of so many answers is gone by.
_MEASURED = 5


class Clock:
    """What `host` says, and how far that is ahead of the database where it is wrong."""

    def __init__(self) -> None:
        self.host: Callable[[], datetime] = partial(datetime.now, UTC)
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return self.host() - self.ahead

    def compare(self, connection: Connection) -> None:
        """Go by the clock of PostgreSQL from now on if the host's is wrong."""
        took, ahead = self._measured(connection)
        if abs(ahead - self.ahead) <= _TOLERATED + took:
            return
        _, ahead = min(self._measured(connection) for _ in range(_MEASURED))
        log.warning("clock_differs_from_database", ahead_s=round(ahead.total_seconds(), 1))
        self.ahead = timedelta() if abs(ahead) <= _TOLERATED else ahead

    def _measured(self, connection: Connection) -> tuple[timedelta, timedelta]:
        """How long it took to ask, and how far the host was ahead in the middle of it."""
        asked_at = monotonic()
        theirs = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        took = timedelta(seconds=monotonic() - asked_at)
        return took, self.host() - took / 2 - theirs


CLOCK = Clock()


async def set_clock(database: Database) -> None:
    """Go by the database's clock where this host's is wrong. With SQLite there is only one."""
    if not database.is_sqlite:
        await database.write(CLOCK.compare)


def now() -> datetime:
    """The time, aware, in UTC."""
    return CLOCK.now()
