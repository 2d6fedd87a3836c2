"""A trade's number is its own among those of an order, which is of one day and one segment."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fills") as table:
        table.drop_constraint("uq_fills_run_id_trade_id", type_="unique")
        table.create_unique_constraint(
            "uq_fills_run_id_order_id_trade_id", ["run_id", "order_id", "trade_id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("fills") as table:
        table.drop_constraint("uq_fills_run_id_order_id_trade_id", type_="unique")
        table.create_unique_constraint("uq_fills_run_id_trade_id", ["run_id", "trade_id"])
