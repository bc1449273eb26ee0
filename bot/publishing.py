"""Which workspaces this process publishes in: one process in each at a time, so that nothing is
posted twice and the workspace's pace is kept."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.processes import Leases, gone_after_s
from orchestrator.store.database import Database
from orchestrator.store.tables import Run, new_id

_KEY = "publisher:"


class Publishing:
    """Holds a lease on each workspace that this process publishes in."""

    def __init__(self, database: Database, beat_s: float) -> None:
        self._database = database
        self._leases = Leases(database, new_id(), gone_after_s(beat_s))

    async def begin(self, teams: Iterable[str]) -> frozenset[str]:
        """Publish in those of the workspaces where no other process does; which these are."""
        held = await self._leases.hold(_KEY + team_id for team_id in teams)
        return frozenset(key.removeprefix(_KEY) for key in held)

    async def begin_for(self, run_id: str) -> bool:
        """Publish in the workspace of that run, unless another process does; whether it is ours."""
        if self._database.is_sqlite:
            return True
        async with self._database.read() as session:
            team_id = (await session.get_one(Run, run_id)).team_id
        return team_id in await self.begin([team_id])

    def is_ours(self, team_id: str) -> bool:
        """Whether this process publishes in the workspace at this moment."""
        return self._leases.holds(_KEY + team_id)

    async def close(self) -> None:
        """Leave it to others."""
        await self._leases.close()
