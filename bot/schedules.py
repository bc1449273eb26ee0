"""Schedules as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orchestrator import schedules
from orchestrator.commands import Actor
from orchestrator.errors import InvalidInput
from orchestrator.store.tables import Schedule

_TIMES = 3


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule: `words` say when it is due, `times` are the next of them, none while paused.

    `trouble` is why it was paused where nobody did.
    """

    id: str
    name: str
    task: str
    channel: str
    words: str
    timezone: str
    times: tuple[datetime, ...] = ()
    is_paused: bool = False
    trouble: str = ""


async def of_person(session: AsyncSession, actor: Actor, moment: datetime) -> list[ScheduleView]:
    """The schedules that this person has made, in that order, as they are at the moment."""
    query = select(Schedule).where(
        Schedule.team_id == actor.team_id, Schedule.user_id == actor.user_id
    )
    rows = (await session.exec(query.order_by(col(Schedule.id)))).all()
    return [_view(row, moment) for row in rows]


def _view(row: Schedule, moment: datetime) -> ScheduleView:
    timetable = schedules.Timetable(row.cron, row.timezone)
    return ScheduleView(
        id=row.id,
        name=row.name,
        task=row.task,
        channel=row.channel,
        words=timetable.words,
        timezone=row.timezone,
        times=() if row.is_paused else tuple(islice(timetable.times(moment), _TIMES)),
        is_paused=row.is_paused,
        trouble=row.trouble,
    )


def normalized(name: str) -> str:
    """The name of a schedule as it is stored, however it was typed. Raises InvalidInput."""
    typed = name.strip().strip("`").upper()
    if not typed:
        raise InvalidInput("Which one? Say its short name, for example “/schedules pause S-4KQ2”.")
    return typed if typed.startswith("S-") else f"S-{typed}"
