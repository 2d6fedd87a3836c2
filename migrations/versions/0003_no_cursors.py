"""A run's own row says how far it has been taken in: no cursors beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("cursors")


def downgrade() -> None:
    op.create_table(
        "cursors",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("position >= 0", name="position_sign"),
        sa.PrimaryKeyConstraint("consumer", "source", name="pk_cursors"),
    )
