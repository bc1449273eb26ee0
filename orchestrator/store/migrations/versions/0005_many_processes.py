"""Many processes: their queue, which code may be among them, and the way to PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    oldest = op.create_table(
        "oldest_code",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_oldest_code")),
    )
    op.bulk_insert(oldest, [{"revision": "0005"}])
    op.create_table(
        "moved",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_moved")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _add_queue()


def _add_queue() -> None:
    """The library's own tables and functions, as its version has them that is installed."""
    from procrastinate.schema import SchemaManager

    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(SchemaManager.get_schema())


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _drop_queue()
    op.drop_table("moved")
    op.drop_table("oldest_code")


def _drop_queue() -> None:
    for table in ("events", "periodic_defers", "jobs", "workers"):
        op.execute(f"DROP TABLE procrastinate_{table} CASCADE")
    op.execute(
        "DO $$ DECLARE it text; BEGIN "
        "FOR it IN SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'procrastinate%' "
        "AND pronamespace = current_schema()::regnamespace "
        "LOOP EXECUTE 'DROP FUNCTION ' || it || ' CASCADE'; END LOOP; END $$"
    )
    for kind in ("job_to_defer_v1", "job_event_type", "job_status"):
        op.execute(f"DROP TYPE procrastinate_{kind}")
