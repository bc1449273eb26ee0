"""The beginning of a run, once however often it is asked for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator import text
from orchestrator.commands import (
    Actor,
    Create,
    Defaults,
    Done,
    NewFile,
)
from orchestrator.control.naming import free_name
from orchestrator.errors import AlreadyTaken, InvalidInput
from orchestrator.events import Event, EventKind
from orchestrator.store import changes
from orchestrator.store.tables import (
    Artifact,
    FileStatus,
    ProcessedEvent,
    Run,
    Team,
    new_row,
    row,
)

_artifact: sa.Table = Artifact.__table__  # type: ignore[attr-defined]
# As many as Slack lets people attach to one message.
MOST_FILES = 10


def create(connection: Connection, command: Create, actor: Actor) -> Done:
    task = text.block(command.task)
    if not task:
        raise InvalidInput("There is no task in that. Say what you want done.")
    changes.insert_once(connection, Team(id=actor.team_id))
    if command.claim is not None:
        claim(connection, actor.team_id, command.claim)
    defaults = asdict(command.defaults or Defaults())
    if command.concurrency is not None:
        defaults["concurrency"] = command.concurrency
    files = command.files[:MOST_FILES]
    run = Run(
        team_id=actor.team_id,
        name=free_name(connection, changes.run, actor.team_id, "R"),
        task=task,
        context=text.block(command.context),
        requester=actor.user_id,
        channel=command.channel,
        thread=command.thread,
        auto_approve=command.auto_approve,
        files_pending=len(files),
        **defaults,
    )
    connection.execute(sa.insert(changes.run), [row(run)])
    if files:
        connection.execute(sa.insert(_artifact), [pending(run.id, file) for file in files])
    event = Event(EventKind.RUN_CREATED, run.id, actor=actor.user_id)
    changes.add_events(connection, [event])
    return Done(run.id, f"{run.name} is being planned.", (event,))


def pending(run_id: str, file: NewFile) -> dict[str, Any]:
    """The row of a file that is still to be got."""
    return new_row(
        Artifact,
        run_id=run_id,
        name=text.one_line(file.name)[:200],
        mimetype=file.mimetype,
        size=file.size,
        source=file.source,
        status=FileStatus.PENDING,
    )


def claim(connection: Connection, team_id: str, key: str) -> None:
    """Take an event from outside as ours. Raises AlreadyTaken."""
    if not changes.insert_once(connection, ProcessedEvent(team_id=team_id, key=key)):
        raise AlreadyTaken("That was taken up already.")
