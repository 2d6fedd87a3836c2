"""A signal has the word by which its strategy said why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("signals") as table:
        table.add_column(sa.Column("tag", sa.String(32), nullable=False, server_default=""))
    with op.batch_alter_table("signals") as table:
        table.alter_column("tag", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("signals") as table:
        table.drop_column("tag")
