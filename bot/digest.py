"""The daily word about dead letters that wait for somebody."""

from __future__ import annotations

from datetime import datetime, time
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from bot.blocks import digest
from bot.blocks.payload import Payload
from bot.installations import Installations
from bot.links import of_threads
from bot.view import run_rows
from orchestrator.commands import Actor
from orchestrator.store import changes
from orchestrator.store.database import Database
from orchestrator.store.tables import (
    LIVE,
    ProcessedEvent,
    Request,
    RequestKind,
    RequestStatus,
    Run,
)

# When each open dead letter of a person was opened, by the id of its run.
Waiting = dict[str, datetime]


async def waiting(database: Database) -> dict[Actor, Waiting]:
    """The runs that wait because of dead letters, and since when, by who asked for them."""
    query = (
        select(Run.team_id, Run.requester, Run.id, Request.created_at)
        .join(Request, col(Request.run_id) == col(Run.id))
        .where(
            Request.status == RequestStatus.OPEN,
            Request.kind == RequestKind.DEAD_LETTER,
            col(Run.status).in_(LIVE),
            col(Run.channel).is_not(None),
        )
        .order_by(col(Request.id).desc())
    )
    found: dict[Actor, Waiting] = {}
    async with database.read() as session:
        for team_id, user_id, run_id, since in await session.exec(query):
            found.setdefault(Actor(team_id, user_id), {})[run_id] = since
    return found


async def due(
    database: Database,
    installations: Installations,
    actor: Actor,
    runs: Waiting,
    moment: datetime,
    hour: int,
    timezone: str,
) -> Payload | None:
    """What this person is told now: at `hour` in their time zone, once a day.

    None where it is not the time, or nothing has waited since before then.
    """
    zone = ZoneInfo(timezone)
    local = moment.astimezone(zone)
    at = datetime.combine(local.date(), time(hour), zone)
    old = [run_id for run_id, since in runs.items() if since < at]
    key = f"digest:{actor.user_id}:{local.date()}"
    if local < at or not old or not await _take(database, actor.team_id, key):
        return None
    async with database.read() as session:
        rows = await run_rows(session, col(Run.id).in_(old), limit=digest.MOST + 1)
    return digest.letters(rows, await of_threads(installations, actor.team_id, rows))


async def _take(database: Database, team_id: str, key: str) -> bool:
    """Whether nobody has told them that day; from now on somebody has."""
    told = ProcessedEvent(team_id=team_id, key=key)
    return await database.write(partial(changes.insert_once, record=told))
