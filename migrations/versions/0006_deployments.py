"""A strategy may be bound by a deployment, with limits of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BEFORE, AFTER = "uq_strategies_owner_id_account_id_broker_name", (
    "uq_strategies_owner_id_account_id_deployment_broker_name"
)  # fmt: skip


def upgrade() -> None:
    with op.batch_alter_table("strategies") as table:
        table.add_column(sa.Column("deployment", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("limits", JSON, nullable=False, server_default="{}"))
        table.drop_constraint(BEFORE, type_="unique")
        table.create_unique_constraint(
            AFTER, ["owner_id", "account_id", "deployment", "broker", "name"]
        )
    with op.batch_alter_table("strategies") as table:
        table.alter_column("deployment", server_default=None)
        table.alter_column("limits", server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM strategies WHERE deployment <> ''")
    with op.batch_alter_table("strategies") as table:
        table.drop_constraint(AFTER, type_="unique")
        table.create_unique_constraint(BEFORE, ["owner_id", "account_id", "broker", "name"])
        table.drop_column("limits")
        table.drop_column("deployment")
