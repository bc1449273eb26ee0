"""What each workspace has been found to take; it outlives the process."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col, or_, select

from orchestrator.store.database import Database
from orchestrator.store.tables import Team

team: sa.Table = Team.__table__  # type: ignore[attr-defined]


class Abilities:
    """Knows which workspaces refuse plan blocks, and which cannot show streams."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._plain: set[str] = set()
        self._suspected: set[str] = set()
        self._streamless: set[str] = set()
        self._streaming: set[str] = set()

    async def load(self) -> None:
        """Remember what was found out before."""
        query = select(Team).where(or_(col(Team.is_plain), col(Team.has_streams).is_(False)))
        async with self._database.read() as session:
            teams = (await session.exec(query)).all()
        self._plain = {found.id for found in teams if found.is_plain}
        self._streamless = {found.id for found in teams if found.has_streams is False}

    def is_plain(self, team_id: str) -> bool:
        """Whether it gets its messages without plan blocks."""
        return team_id in self._plain or team_id in self._suspected

    def suspect(self, team_id: str) -> None:
        """It refused a message with a plan block: it may take the one without."""
        self._suspected.add(team_id)

    async def plainer_was_taken(self, team_id: str) -> None:
        """It was the plan block."""
        if team_id in self._suspected:
            self._suspected.discard(team_id)
            self._plain.add(team_id)
            await self._note(team_id, is_plain=True)

    def plainer_was_refused(self, team_id: str) -> None:
        """It was something else."""
        self._suspected.discard(team_id)

    @property
    def streamless(self) -> frozenset[str]:
        """The workspaces that cannot show a stream."""
        return frozenset(self._streamless)

    async def note_streams(self, team_id: str, *, has: bool) -> None:
        """It showed a stream, or it never will."""
        if has and team_id in self._streaming:
            return
        (self._streaming if has else self._streamless).add(team_id)
        await self._note(team_id, has_streams=has)

    async def _note(self, team_id: str, **values: bool) -> None:
        await self._database.write(partial(_save, team_id=team_id, values=values))


def _save(connection: Connection, team_id: str, values: dict[str, bool]) -> None:
    connection.execute(sa.update(team).where(team.c.id == team_id).values(values))
