"""Commands on what holds in a channel."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.commands import Actor, Done, SetPolicy
from orchestrator.errors import InvalidInput
from orchestrator.store import changes
from orchestrator.store.clock import now
from orchestrator.store.tables import ChannelPolicy, RunStatus, Team, WhoActs

_table: sa.Table = ChannelPolicy.__table__  # type: ignore[attr-defined]


def put(connection: Connection, command: SetPolicy, actor: Actor) -> Done:
    """Let `command` hold in the channel from now on. Raises InvalidInput."""
    if command.who is WhoActs.APPROVERS and not command.approvers:
        raise InvalidInput("Name at least one person or user group who approves.")
    values = asdict(command) | {
        "approvers": list(command.approvers),
        "updated_by": actor.user_id,
        "updated_at": now(),
    }
    changes.insert_once(connection, Team(id=actor.team_id))
    changes.insert_once(connection, ChannelPolicy(team_id=actor.team_id, channel=command.channel))
    connection.execute(
        sa.update(_table)
        .where(_table.c.team_id == actor.team_id, _table.c.channel == command.channel)
        .values(values)
    )
    _look_again(connection, actor.team_id, command.channel)
    return Done("", "From now on that holds in this channel.")


def _look_again(connection: Connection, team_id: str, channel: str) -> None:
    """What is decided about plans that are being made must rest on the new policy."""
    run = changes.run
    connection.execute(
        sa.update(run)
        .where(
            run.c.team_id == team_id,
            run.c.channel == channel,
            run.c.status == RunStatus.PLANNING,
        )
        .values(commands=run.c.commands + 1, version=run.c.version + 1, updated_at=now())
    )
