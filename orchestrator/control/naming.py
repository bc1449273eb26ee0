"""Short names that people can say: `R-7F3K` for a run, `S-4KQ2` for a schedule."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.errors import Conflict

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTHS = (4, 4, 4, 5, 5, 6, 8)


def free_name(connection: Connection, table: sa.Table, team_id: str, letter: str) -> str:
    """A name that no row of the team in `table` has yet. Raises Conflict where none is found."""
    for length in _LENGTHS:
        name = f"{letter}-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
        taken = sa.select(table.c.id).where(table.c.team_id == team_id, table.c.name == name)
        if connection.execute(taken).first() is None:
            return name
    raise Conflict("no short name is free")
