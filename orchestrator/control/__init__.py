"""Carrying out commands: each is one guarded change in one transaction.

A command either takes effect once or raises a `Refused` whose sentence says why not. Who may give
which command is decided by whoever passes it on; here only teams are kept apart.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.commands import (
    Actor,
    AddSchedule,
    Answer,
    Approve,
    Breakdown,
    Choose,
    Command,
    Create,
    Done,
    Edit,
    FireSchedule,
    PauseSchedule,
    Reject,
    RemovePlaybook,
    RemoveSchedule,
    Replan,
    Restate,
    ResumeSchedule,
    SavePlaybook,
    SetPolicy,
)
from orchestrator.control import playbooks, policies, scheduling
from orchestrator.control.answering import Answering
from orchestrator.control.creating import claim, create
from orchestrator.control.planning import Planning
from orchestrator.control.working import Working
from orchestrator.errors import NotFound
from orchestrator.gate import Gatekeeping
from orchestrator.store import changes

__all__ = ["claim", "perform"]


def perform(
    connection: Connection,
    command: Command,
    actor: Actor,
    gatekeeping: Gatekeeping,
    key: str | None = None,
) -> Done:
    """Carry out `command` in the present transaction. Raises Refused.

    `key` names the event it comes from, which is taken as ours with it.
    """
    if key is not None:
        claim(connection, actor.team_id, key)
    match command:
        case Create():
            return create(connection, command, actor)
        case RemovePlaybook():
            return playbooks.remove(connection, command, actor)
        case SetPolicy():
            return policies.put(connection, command, actor)
        case AddSchedule() | PauseSchedule() | ResumeSchedule() | RemoveSchedule() | FireSchedule():
            return scheduling.perform(connection, command, actor)
        case Approve() | Edit() | Replan() | Restate() | Reject() | SavePlaybook():
            return Planning(connection, command.run_id, actor, gatekeeping).perform(command)
        case Breakdown() | Answer() | Choose():
            request = _request(connection, command.request_id)
            about = (connection, request["run_id"], actor, gatekeeping)
            if isinstance(command, Breakdown):
                return Planning(*about).break_down(request, command.typed)
            return Answering(*about).perform(request, command)
        case _:
            return Working(connection, command.run_id, actor, gatekeeping).perform(command)


def _request(connection: Connection, request_id: str) -> dict[str, Any]:
    table = changes.request
    found = connection.execute(sa.select(table).where(table.c.id == request_id)).mappings().first()
    if found is None:
        raise NotFound("That question no longer exists.")
    return dict(found)
