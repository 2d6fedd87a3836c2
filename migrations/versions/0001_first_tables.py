"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    alerts()
    audit()
    broker_sessions()
    cursors()
    fills()
    instruments()
    orders()
    pnl_snapshots()
    positions()
    runs()
    signals()
    strategies()
    users()
    api_keys()


def downgrade() -> None:
    op.drop_table("api_keys")
    op.drop_table("users")
    op.drop_table("strategies")
    op.drop_table("signals")
    op.drop_table("runs")
    op.drop_table("positions")
    op.drop_table("pnl_snapshots")
    op.drop_table("orders")
    op.drop_table("instruments")
    op.drop_table("fills")
    op.drop_table("cursors")
    op.drop_table("broker_sessions")
    op.drop_table("audit")
    op.drop_table("alerts")


def alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("last_ns", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        sa.CheckConstraint("count > 0", name="count_sign"),
        sa.CheckConstraint("last_ns >= ts", name="order_of_times"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_account_id", "alerts", ["account_id"])
    op.create_index("ix_alerts_kind", "alerts", ["kind"])
    op.create_index("ix_alerts_owner_id", "alerts", ["owner_id"])
    op.create_index("ix_alerts_run_id", "alerts", ["run_id"])
    op.create_index("ix_alerts_severity", "alerts", ["severity"])
    op.create_index("ix_alerts_state", "alerts", ["state"])
    op.create_index("ix_alerts_ts", "alerts", ["ts"])
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["owner_id", "account_id", "subject"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )


def audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(hash) = 64 AND length(previous) = 64", name="hash_length"),
        sa.CheckConstraint("seq > 0", name="seq_sign"),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("hash", name="uq_audit_hash"),
        sa.UniqueConstraint("previous", name="uq_audit_previous"),
    )
    op.create_index("ix_audit_account_id", "audit", ["account_id"])
    op.create_index("ix_audit_action", "audit", ["action"])
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_owner_id", "audit", ["owner_id"])
    op.create_index("ix_audit_ts", "audit", ["ts"])


def broker_sessions() -> None:
    op.create_table(
        "broker_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("sealed_token", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("expires_ns > created_ns", name="order_of_times"),
        sa.PrimaryKeyConstraint("id", name="pk_broker_sessions"),
    )
    op.create_index("ix_broker_sessions_account_id", "broker_sessions", ["account_id"])
    op.create_index("ix_broker_sessions_active", "broker_sessions", ["active"])
    op.create_index("ix_broker_sessions_expires_ns", "broker_sessions", ["expires_ns"])
    op.create_index("ix_broker_sessions_owner_id", "broker_sessions", ["owner_id"])
    op.create_index(
        "uq_broker_sessions_active",
        "broker_sessions",
        ["owner_id", "account_id", "broker"],
        unique=True,
        postgresql_where=sa.text("active"),
        sqlite_where=sa.text("active"),
    )


def cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("position >= 0", name="position_sign"),
        sa.PrimaryKeyConstraint("consumer", "source", name="pk_cursors"),
    )


def fills() -> None:
    op.create_table(
        "fills",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("trade_id", sa.String(length=64), nullable=True),
        sa.Column("instrument", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("charges", sa.BigInteger(), nullable=False),
        sa.Column("realised", sa.BigInteger(), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="side"),
        sa.CheckConstraint("price >= 0", name="price_sign"),
        sa.CheckConstraint("quantity > 0", name="quantity_sign"),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_fills"),
        sa.UniqueConstraint("event_id", name="uq_fills_event_id"),
        sa.UniqueConstraint("run_id", "trade_id", name="uq_fills_run_id_trade_id"),
    )
    op.create_index("ix_fills_account_id", "fills", ["account_id"])
    op.create_index("ix_fills_instrument", "fills", ["instrument"])
    op.create_index("ix_fills_order_id", "fills", ["order_id"])
    op.create_index("ix_fills_owner_id", "fills", ["owner_id"])
    op.create_index("ix_fills_ts", "fills", ["ts"])


def instruments() -> None:
    op.create_table(
        "instruments",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("segment", sa.String(length=32), nullable=False),
        sa.Column("tick_size", sa.BigInteger(), nullable=False),
        sa.Column("lot_size", sa.BigInteger(), nullable=False),
        sa.Column("freeze_quantity", sa.BigInteger(), nullable=False),
        sa.Column("expiry", sa.Date(), nullable=True),
        sa.Column("strike", sa.BigInteger(), nullable=False),
        sa.Column("option_type", sa.String(length=32), nullable=False),
        sa.Column("underlying", sa.String(length=64), nullable=False),
        sa.Column("isin", sa.String(length=32), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("(option_type = 'none') = (segment <> 'options')", name="option"),
        sa.CheckConstraint(
            "exchange IN ('NSE', 'BSE', 'NFO', 'BFO', 'MCX', 'CDS', 'BCD', 'NCO')",
            name="exchange",
        ),
        sa.CheckConstraint(
            "substr(name, 1, length(exchange) + 1) = exchange || ':'", name="name_of_exchange"
        ),
        sa.CheckConstraint("option_type IN ('none', 'call', 'put')", name="option_type"),
        sa.CheckConstraint("segment IN ('equity', 'index', 'futures', 'options')", name="segment"),
        sa.CheckConstraint("strike >= 0", name="strike_sign"),
        sa.CheckConstraint(
            "tick_size >= 0 AND lot_size > 0 AND freeze_quantity >= 0", name="sizes"
        ),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="order_of_days"),
        sa.PrimaryKeyConstraint("id", name="pk_instruments"),
        sa.UniqueConstraint("name", "valid_from", name="uq_instruments_name_valid_from"),
    )
    op.create_index("ix_instruments_expiry", "instruments", ["expiry"])
    op.create_index("ix_instruments_isin", "instruments", ["isin"])
    op.create_index("ix_instruments_segment", "instruments", ["segment"])
    op.create_index(
        "ix_instruments_token_valid_from", "instruments", ["exchange", "token", "valid_from"]
    )
    op.create_index(
        "uq_instruments_current",
        "instruments",
        ["name"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
        sqlite_where=sa.text("valid_to IS NULL"),
    )


def orders() -> None:
    op.create_table(
        "orders",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("broker_order_id", sa.String(length=64), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("instrument", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("filled_value", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=False),
        sa.Column("tif", sa.String(length=32), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("trigger_price", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("kind IN ('market', 'limit', 'stop_limit', 'stop')", name="kind"),
        sa.CheckConstraint("product IN ('cnc', 'mis', 'nrml')", name="product"),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="side"),
        sa.CheckConstraint("status <> 'filled' OR filled = quantity", name="filled_whole"),
        sa.CheckConstraint(
            "status IN ('submitted', 'unknown', 'open', 'triggered', 'filled', 'cancelled', "
            "'expired', 'failed')",
            name="status",
        ),
        sa.CheckConstraint("tif IN ('day', 'ioc')", name="tif"),
        sa.CheckConstraint(
            "price >= 0 AND trigger_price >= 0 AND filled_value >= 0", name="price_sign"
        ),
        sa.CheckConstraint(
            "quantity > 0 AND filled >= 0 AND filled <= quantity", name="quantity_sign"
        ),
        sa.PrimaryKeyConstraint("run_id", "order_id", name="pk_orders"),
        sa.UniqueConstraint(
            "broker",
            "account_id",
            "client_order_id",
            name="uq_orders_broker_account_id_client_order_id",
        ),
    )
    op.create_index("ix_orders_account_id", "orders", ["account_id"])
    op.create_index("ix_orders_broker_order_id", "orders", ["broker_order_id"])
    op.create_index("ix_orders_instrument", "orders", ["instrument"])
    op.create_index("ix_orders_owner_id", "orders", ["owner_id"])
    op.create_index("ix_orders_status", "orders", ["status"])
    op.create_index("ix_orders_ts", "orders", ["ts"])
    op.create_index("ix_orders_updated_ns", "orders", ["updated_ns"])


def pnl_snapshots() -> None:
    op.create_table(
        "pnl_snapshots",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("realised", sa.BigInteger(), nullable=False),
        sa.Column("unrealised", sa.BigInteger(), nullable=False),
        sa.Column("charges", sa.BigInteger(), nullable=False),
        sa.Column("pnl", sa.BigInteger(), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("pnl = realised + unrealised - charges", name="sum"),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_pnl_snapshots"),
        sa.UniqueConstraint("event_id", name="uq_pnl_snapshots_event_id"),
    )
    op.create_index("ix_pnl_snapshots_account_id", "pnl_snapshots", ["account_id"])
    op.create_index("ix_pnl_snapshots_owner_id", "pnl_snapshots", ["owner_id"])
    op.create_index("ix_pnl_snapshots_ts", "pnl_snapshots", ["ts"])


def positions() -> None:
    op.create_table(
        "positions",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("instrument", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("realised", sa.BigInteger(), nullable=False),
        sa.Column("charges", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("last >= 0", name="last_sign"),
        sa.CheckConstraint("quantity <> 0 OR cost = 0", name="flat"),
        sa.PrimaryKeyConstraint("run_id", "strategy", "instrument", name="pk_positions"),
    )
    op.create_index("ix_positions_account_id", "positions", ["account_id"])
    op.create_index("ix_positions_owner_id", "positions", ["owner_id"])
    op.create_index("ix_positions_ts", "positions", ["ts"])


def runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("strategies", JSON, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("manifest", JSON, nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("mode IN ('backtest', 'paper', 'live')", name="mode"),
        sa.CheckConstraint(
            "status IN ('running', 'ended', 'crashed-recovered', 'quarantined')",
            name="status",
        ),
        sa.CheckConstraint("ended_ns IS NULL OR ended_ns >= started_ns", name="order_of_times"),
        sa.CheckConstraint("seq >= 0", name="seq_sign"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_account_id", "runs", ["account_id"])
    op.create_index("ix_runs_owner_id", "runs", ["owner_id"])
    op.create_index("ix_runs_started_ns", "runs", ["started_ns"])
    op.create_index("ix_runs_status", "runs", ["status"])


def signals() -> None:
    op.create_table(
        "signals",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("signal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("instrument", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("trigger_price", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("bound", sa.BigInteger(), nullable=True),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("(status = 'rejected') = (code IS NOT NULL)", name="refusal"),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("kind IN ('market', 'limit', 'stop_limit', 'stop')", name="kind"),
        sa.CheckConstraint("product IN ('cnc', 'mis', 'nrml')", name="product"),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="side"),
        sa.CheckConstraint("status IN ('raw', 'validated', 'rejected')", name="status"),
        sa.CheckConstraint("price >= 0 AND trigger_price >= 0", name="price_sign"),
        sa.CheckConstraint("quantity > 0", name="quantity_sign"),
        sa.PrimaryKeyConstraint("run_id", "signal_id", name="pk_signals"),
        sa.UniqueConstraint("event_id", name="uq_signals_event_id"),
    )
    op.create_index("ix_signals_account_id", "signals", ["account_id"])
    op.create_index("ix_signals_instrument", "signals", ["instrument"])
    op.create_index("ix_signals_owner_id", "signals", ["owner_id"])
    op.create_index("ix_signals_status", "signals", ["status"])
    op.create_index("ix_signals_ts", "signals", ["ts"])


def strategies() -> None:
    op.create_table(
        "strategies",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("instruments", JSON, nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=True),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("broker IN ('replay', 'paper', 'zerodha')", name="broker"),
        sa.CheckConstraint("product IN ('cnc', 'mis', 'nrml')", name="product"),
        sa.CheckConstraint("cash >= 0", name="cash_sign"),
        sa.PrimaryKeyConstraint("id", name="pk_strategies"),
        sa.UniqueConstraint(
            "owner_id",
            "account_id",
            "broker",
            "name",
            name="uq_strategies_owner_id_account_id_broker_name",
        ),
    )
    op.create_index("ix_strategies_account_id", "strategies", ["account_id"])
    op.create_index("ix_strategies_active", "strategies", ["active"])
    op.create_index("ix_strategies_owner_id", "strategies", ["owner_id"])


def users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("revoked_before_ns", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'trader', 'viewer')", name="role"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_index("ix_users_active", "users", ["active"])
    op.create_index("ix_users_owner_id", "users", ["owner_id"])


def api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=True),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.CheckConstraint("expires_ns IS NULL OR expires_ns > created_ns", name="order_of_times"),
        sa.CheckConstraint("length(hash) = 64", name="hash_length"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_api_keys_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    op.create_index("ix_api_keys_revoked", "api_keys", ["revoked"])
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
