"""Commands on schedules, and what happens when one is due."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator import schedules, text
from orchestrator.commands import (
    Actor,
    AddSchedule,
    Create,
    Done,
    FireSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
)
from orchestrator.control.creating import create
from orchestrator.control.naming import free_name
from orchestrator.errors import InvalidInput, NotFound, Outdated
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import Schedule, Team, row

MOST_OF_A_PERSON = 20

schedule: sa.Table = Schedule.__table__  # type: ignore[attr-defined]


def perform(
    connection: Connection,
    command: AddSchedule | PauseSchedule | ResumeSchedule | RemoveSchedule | FireSchedule,
    actor: Actor,
) -> Done:
    """Carry out `command` in the present transaction. Raises Refused."""
    match command:
        case AddSchedule():
            return _add(connection, command, actor)
        case PauseSchedule():
            return _pause(connection, command, actor)
        case ResumeSchedule():
            return _resume(connection, command, actor)
        case RemoveSchedule():
            return _remove(connection, command, actor)
        case FireSchedule():
            return _fire(connection, command, actor)


def _add(connection: Connection, command: AddSchedule, actor: Actor) -> Done:
    timetable = schedules.read(command.cron, command.timezone)
    task = text.block(command.task)
    if not task:
        raise InvalidInput("There is no task in that. Say what you want done, after the time.")
    changes.insert_once(connection, Team(id=actor.team_id))
    _check_room(connection, actor)
    added = Schedule(
        id=command.id,
        team_id=actor.team_id,
        name=free_name(connection, schedule, actor.team_id, "S"),
        channel=command.channel,
        user_id=actor.user_id,
        cron=timetable.cron,
        timezone=timetable.timezone,
        task=task,
        next_at=timetable.after(now()),
    )
    connection.execute(sa.insert(schedule), [row(added)])
    return Done("", f"{added.name} is due {timetable.words}.")


def _check_room(connection: Connection, actor: Actor) -> None:
    """Raises InvalidInput for a person who has as many as anybody may."""
    theirs = sa.and_(schedule.c.team_id == actor.team_id, schedule.c.user_id == actor.user_id)
    count = connection.execute(sa.select(sa.func.count()).where(theirs)).scalar_one()
    if count >= MOST_OF_A_PERSON:
        raise InvalidInput(
            f"You have {count} schedules, and {MOST_OF_A_PERSON} is the most. "
            "Remove one that you no longer need first."
        )


def _pause(connection: Connection, command: PauseSchedule, actor: Actor) -> Done:
    found = _find(connection, command.name, actor)
    if found.is_paused:
        raise Outdated(f"{found.name} is paused already.")
    _change(connection, found.id, is_paused=True, next_at=None, trouble=command.trouble)
    return Done("", f"{found.name} is paused.")


def _resume(connection: Connection, command: ResumeSchedule, actor: Actor) -> Done:
    found = _find(connection, command.name, actor)
    if not found.is_paused:
        raise Outdated(f"{found.name} is not paused.")
    timetable = schedules.read(found.cron, found.timezone)
    _change(connection, found.id, is_paused=False, next_at=timetable.after(now()), trouble="")
    return Done("", f"{found.name} goes on: it is due {timetable.words}.")


def _remove(connection: Connection, command: RemoveSchedule, actor: Actor) -> Done:
    found = _find(connection, command.name, actor)
    connection.execute(sa.delete(schedule).where(schedule.c.id == found.id))
    return Done("", f"{found.name} is removed. The runs it began stay.")


def _fire(connection: Connection, command: FireSchedule, actor: Actor) -> Done:
    """Move on to the next time and begin the run, together or not at all.

    However many times were missed, it is the next one from now on: what was missed is done once.
    """
    found = _of_team(connection, schedule.c.id == command.id, actor)
    if found is None or found.next_at != command.due:
        raise Outdated("That time has been taken care of already.")
    following = schedules.read(found.cron, found.timezone).after(command.at)
    moved = connection.execute(
        sa.update(schedule)
        .where(schedule.c.id == found.id, schedule.c.next_at == command.due)
        .values(next_at=following, last_at=command.at)
    )
    if moved.rowcount != 1:
        raise Outdated("That time has been taken care of already.")
    task = Create(found.task, channel=found.channel, defaults=command.defaults)
    done = create(connection, task, Actor(found.team_id, found.user_id))
    _change(connection, found.id, last_run_id=done.run_id)
    return done


def _find(connection: Connection, name: str, actor: Actor) -> Any:
    """The schedule of that name. Raises NotFound."""
    found = _of_team(connection, schedule.c.name == name, actor)
    if found is None:
        raise NotFound(f"There is no schedule named {name}.")
    return found


def _of_team(connection: Connection, condition: Any, actor: Actor) -> Any:
    query = sa.select(schedule).where(schedule.c.team_id == actor.team_id, condition)
    return connection.execute(query.with_for_update()).first()


def _change(connection: Connection, id_: str, **values: Any) -> None:
    connection.execute(sa.update(schedule).where(schedule.c.id == id_).values(values))
