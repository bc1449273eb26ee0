"""What processes know together of the model's rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_limits",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_model_limits")),
    )


def downgrade() -> None:
    op.drop_table("model_limits")
