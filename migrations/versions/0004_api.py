"""Sessions, commands, repeated requests and deliveries; an acknowledged alert counts on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OPEN, LASTING = "state = 'open'", "state IN ('open', 'acknowledged')"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("stepped_until_ns", sa.BigInteger(), nullable=True),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('session', 'refresh')", name="kind"),
        sa.CheckConstraint("length(hash) = 64", name="hash_length"),
        sa.CheckConstraint("expires_ns > created_ns", name="order_of_times"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("hash", name="uq_sessions_hash"),
    )
    for column in ("expires_ns", "family", "user_id"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])
    op.create_table(
        "commands",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("requested_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("state_ns", sa.BigInteger(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "verb IN ('kill', 'rearm', 'pause', 'resume', 'flatten', 'cancel')", name="verb"
        ),
        sa.CheckConstraint("state IN ('asked', 'applied', 'refused')", name="state"),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
    )
    for column in ("account_id", "owner_id", "requested_ns", "run_id", "state"):
        op.create_index(f"ix_commands_{column}", "commands", [column])
    op.create_table(
        "idempotency",
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(body_hash) = 64", name="hash_length"),
        sa.PrimaryKeyConstraint("owner_id", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_ns", "idempotency", ["created_ns"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
        sa.CheckConstraint("attempts >= 0", name="attempts_sign"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="fk_deliveries_alert_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    for column in ("alert_id", "next_ns", "state"):
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])
    # Of alerts of one subject that both last, the older becomes history: the index allows one.
    op.execute(sa.text(
        "UPDATE alerts SET state = 'resolved' WHERE state = 'acknowledged' AND EXISTS ("
        "SELECT 1 FROM alerts o WHERE o.owner_id = alerts.owner_id "
        "AND o.account_id = alerts.account_id AND o.subject = alerts.subject "
        "AND o.id <> alerts.id AND o.state IN ('open', 'acknowledged') "
        "AND (o.state = 'open' OR o.ts > alerts.ts OR (o.ts = alerts.ts AND o.id > alerts.id)))"
    ))  # fmt: skip
    unique_while(LASTING)


def downgrade() -> None:
    unique_while(OPEN)
    for table in ("deliveries", "idempotency", "commands", "sessions"):
        op.drop_table(table)


def unique_while(rule: str) -> None:
    """Let a subject have one alert that lasts."""
    op.drop_index("uq_alerts_open", table_name="alerts")
    op.create_index(
        "uq_alerts_open", "alerts", ["owner_id", "account_id", "subject"], unique=True,
        postgresql_where=sa.text(rule), sqlite_where=sa.text(rule),
    )  # fmt: skip
