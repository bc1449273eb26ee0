"""Commands on the playbooks of a team."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.commands import Actor, Done, RemovePlaybook
from orchestrator.errors import NotFound
from orchestrator.store.tables import PlaybookRow

_table: sa.Table = PlaybookRow.__table__  # type: ignore[attr-defined]


def remove(connection: Connection, command: RemovePlaybook, actor: Actor) -> Done:
    """Forget a playbook that the team has saved. Raises NotFound."""
    gone = connection.execute(
        sa.delete(_table).where(_table.c.team_id == actor.team_id, _table.c.name == command.name)
    )
    if not gone.rowcount:
        raise NotFound(f"There is no saved playbook named {command.name}.")
    return Done("", f"The playbook {command.name} is removed.")
