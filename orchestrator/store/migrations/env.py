"""How alembic reaches the database: over the connection that `migrate` hands it."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from orchestrator.store import tables
from orchestrator.store.migrations import is_modelled


def plain_types(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write migrations in SQLAlchemy's own types, so that they never change with our code."""
    if kind != "type":
        return False
    if isinstance(item, tables.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    return "sa.Text()" if isinstance(item, AutoString) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    render_item=plain_types,
    include_name=is_modelled,
    compare_type=False,  # the types differ in name only
)
with context.begin_transaction():
    context.run_migrations()
