"""The ledger of the model's rate limits between processes, on PostgreSQL.

A call takes three short transactions on its model's row: some milliseconds, beside the seconds
that the call itself takes. They wait for each other, not for the disk.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from orchestrator.model.limits import Limits
from orchestrator.model.rates import Change, NoLedger
from orchestrator.store.database import Database
from orchestrator.store.tables import ModelLimits

T = TypeVar("T")

table: sa.Table = ModelLimits.__table__  # type: ignore[attr-defined]

_LOOK_AGAIN_S = 0.5
_PATIENCE_S = 5.0
_LIMITS = TypeAdapter(Limits)
# A power failure may take the last of it: the next reply tells anew.
_IN_MEMORY = sa.func.set_config("synchronous_commit", "off", sa.true())
# Hosts' clocks differ; this one is the same for all.
_CLOCK = sa.extract("epoch", sa.func.clock_timestamp())


class SharedLedger:
    """The ledger of all processes on one PostgreSQL."""

    look_again_s = _LOOK_AGAIN_S

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, model: str, change: Change[T]) -> T:
        """Apply `change` to the model's row. Raises NoLedger while the database is away."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._database.write(partial(_change, model=model, change=change))
        except (sa.exc.SQLAlchemyError, TimeoutError) as error:
            raise NoLedger(str(error)) from error


def _change(connection: Connection, model: str, change: Change[T]) -> T:
    query = sa.select(table.c.limits, _CLOCK, _IN_MEMORY).where(table.c.model == model)
    found = connection.execute(query.with_for_update()).first()
    if found is None:
        fresh = {"model": model, "limits": _LIMITS.dump_python(Limits(), mode="json")}
        connection.execute(postgresql.insert(table).values(fresh).on_conflict_do_nothing())
        found = connection.execute(query.with_for_update()).one()
    limits = _LIMITS.validate_python(found[0])
    changed = change(limits, float(found[1]))
    kept = _LIMITS.dump_python(limits, mode="json")
    connection.execute(sa.update(table).where(table.c.model == model).values(limits=kept))
    return changed
