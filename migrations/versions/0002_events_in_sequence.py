"""Counts of events, events held until those before them have come, and signals as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHECKS = {
    "runs": [("seq_sign", "seq >= 0", "seq >= -1")],
    "signals": [
        ("quantity_sign", "quantity > 0",
         "quantity >= 0 AND (quantity > 0 OR status <> 'validated')"),
        ("price_sign", "price >= 0 AND trigger_price >= 0",
         "status <> 'validated' OR (price >= 0 AND trigger_price >= 0)"),
    ],
}  # fmt: skip
"""By table: a check's name, what it was, and what it is now."""


def upgrade() -> None:
    op.create_table(
        "stages",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_ns", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("count > 0", name="count_sign"),
        sa.PrimaryKeyConstraint("run_id", "stage", name="pk_stages"),
    )
    op.create_index("ix_stages_account_id", "stages", ["account_id"])
    op.create_index("ix_stages_owner_id", "stages", ["owner_id"])
    op.create_table(
        "held",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("envelope", sa.String(), nullable=False),
        sa.CheckConstraint("seq >= 0", name="seq_sign"),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_held"),
    )
    op.add_column("runs", sa.Column("state_ns", sa.BigInteger(), nullable=True))
    change({table: [(name, now) for name, _, now in each] for table, each in CHECKS.items()})


def downgrade() -> None:
    for table in CHECKS:  # made again from the journals; not all would pass the checks of before
        op.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 (names of the table above)
    change({table: [(name, was) for name, was, _ in each] for table, each in CHECKS.items()})
    op.drop_column("runs", "state_ns")
    op.drop_table("held")
    op.drop_table("stages")


def change(checks: dict[str, list[tuple[str, str]]]) -> None:
    """Give tables other checks; SQLite copies a table for that, from the form it now has."""
    for table, each in checks.items():
        with op.batch_alter_table(table) as batch:
            for name, rule in each:
                batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), rule)
