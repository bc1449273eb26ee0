"""Reading what belongs together while others write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator.store.tables import Run

T = TypeVar("T")

_MOST_READS = 5


async def read(
    session: AsyncSession, run_id: str, once: Callable[[AsyncSession, str], Awaitable[T]]
) -> T:
    """What `once` reads of the run; read anew where the run changed meanwhile, a few times."""
    version = await _version(session, run_id)
    for _ in range(_MOST_READS):
        found = await once(session, run_id)
        before, version = version, await _version(session, run_id)
        if version == before:
            break
        session.expunge_all()
    return found


async def _version(session: AsyncSession, run_id: str) -> int | None:
    return (await session.exec(select(Run.version).where(Run.id == run_id))).first()
