"""The beginning of a run, once however often it is asked for."""

from __future__ import annotations

import secrets
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator import text
from orchestrator.commands import (
    Actor,
    Create,
    Defaults,
    Done,
)
from orchestrator.errors import Conflict, InvalidInput, Outdated
from orchestrator.events import Event, EventKind
from orchestrator.store import changes
from orchestrator.store.tables import (
    ProcessedEvent,
    Run,
    Team,
    row,
)

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME_LENGTHS = (4, 4, 4, 5, 5, 6, 8)


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
    run = Run(
        team_id=actor.team_id,
        name=_free_name(connection, actor.team_id),
        task=task,
        context=text.block(command.context),
        requester=actor.user_id,
        channel=command.channel,
        thread=command.thread,
        auto_approve=command.auto_approve,
        **defaults,
    )
    connection.execute(sa.insert(changes.run), [row(run)])
    event = Event(EventKind.RUN_CREATED, run.id, actor=actor.user_id)
    changes.add_events(connection, [event])
    return Done(run.id, f"{run.name} is being planned.", (event,))


def claim(connection: Connection, team_id: str, key: str) -> None:
    """Take an event from outside as ours. Raises Outdated when it has been taken before."""
    if not changes.insert_once(connection, ProcessedEvent(team_id=team_id, key=key)):
        raise Outdated("That was taken up already.")


def _free_name(connection: Connection, team_id: str) -> str:
    for length in _NAME_LENGTHS:
        name = "R-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
        taken = sa.select(changes.run.c.id).where(
            changes.run.c.team_id == team_id, changes.run.c.name == name
        )
        if connection.execute(taken).first() is None:
            return name
    raise Conflict("no short name is free")
