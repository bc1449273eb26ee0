"""Who may start runs in a channel."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channel_policy", sa.Column("starters", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("channel_policy") as table:
        table.drop_column("starters")
