"""A good row of each table, for tests that break one thing about it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from alphapanda.store.access import CommandRequest, Delivery, Repeat, UserSession
from alphapanda.store.base import Base
from alphapanda.store.market import Instrument
from alphapanda.store.people import Alert, ApiKey, BrokerSession, User
from alphapanda.store.trading import (
    Fill,
    Held,
    Order,
    PnlSnapshot,
    Position,
    Run,
    Signal,
    Stage,
    Strategy,
)

TS = 1_754_283_600_123_456_789
MINE = {"owner_id": "mira", "account_id": "AB1234"}
PROJECTED = {**MINE, "run_id": "r1", "broker": "paper", "strategy": "ema_cross", "ts": TS}
USER = uuid.UUID(int=1)

GOOD: dict[type[Base], dict[str, Any]] = {
    Instrument: {
        "name": "NFO:NIFTY25AUG25000CE", "exchange": "NFO", "token": 1, "segment": "options",
        "tick_size": 500, "lot_size": 75, "freeze_quantity": 1800, "expiry": date(2025, 8, 28),
        "strike": 250_000_000, "option_type": "call", "underlying": "NIFTY", "isin": None,
        "valid_from": date(2025, 8, 4), "valid_to": None,
    },
    Strategy: {
        **MINE, "name": "mine", "type": "ema_cross", "deployment": "", "limits": {},
        "parameters": {"fast": 20}, "instruments": ["NSE:INFY"], "broker": "paper",
        "product": "mis", "cash": 10**10, "active": True, "created_ns": TS, "updated_ns": TS,
    },
    Run: {
        **MINE, "run_id": "r1", "broker": "paper", "mode": "paper", "strategies": ["mine"],
        "status": "running", "started_ns": TS, "ended_ns": None, "state_ns": None, "seq": 0,
        "digest": None, "manifest": {"code": "abc"},
    },
    Signal: {
        **PROJECTED, "signal_id": 1, "event_id": uuid.UUID(int=2), "seq": 1,
        "instrument": "NSE:INFY", "side": "buy", "quantity": 10, "kind": "market",
        "product": "mis", "price": 0, "trigger_price": 0, "status": "raw", "code": None,
        "value": None, "bound": None, "tag": "gap-up",
    },
    Order: {
        **PROJECTED, "order_id": 1, "client_order_id": "r1-1", "broker_order_id": None, "seq": 2,
        "instrument": "NSE:INFY", "side": "buy", "quantity": 10, "filled": 0, "filled_value": 0,
        "kind": "limit", "product": "mis", "tif": "day", "price": 15_000_000, "trigger_price": 0,
        "status": "open", "reason": None, "updated_ns": TS,
    },
    Fill: {
        **PROJECTED, "seq": 3, "event_id": uuid.UUID(int=3), "order_id": 1, "trade_id": "t1",
        "instrument": "NSE:INFY", "side": "buy", "quantity": 10, "price": 15_000_000,
        "charges": 1234, "realised": 0,
    },
    Position: {
        **PROJECTED, "instrument": "NSE:INFY", "seq": 3, "quantity": -10, "cost": -150_000_000,
        "realised": 0, "charges": 1234, "last": 15_000_000,
    },
    PnlSnapshot: {
        **PROJECTED, "seq": 4, "event_id": uuid.UUID(int=4), "realised": 10, "unrealised": -5,
        "charges": 3, "pnl": 2,
    },
    Stage: {
        **MINE, "run_id": "r1", "stage": "order_filled", "broker": "paper", "count": 3,
        "last_ns": TS,
    },
    Held: {"run_id": "r1", "seq": 9, "envelope": "{}"},
    User: {
        "id": USER, "owner_id": "mira", "name": "mira", "password_hash": "x", "role": "trader",
        "active": True, "created_ns": TS, "revoked_before_ns": None,
    },
    ApiKey: {
        "id": uuid.UUID(int=5), "user_id": USER, "name": "bot", "prefix": "ap_1", "hash": "0" * 64,
        "scopes": ["read"], "created_ns": TS, "expires_ns": None, "used_ns": None,
        "revoked": False,
    },
    BrokerSession: {
        **MINE, "id": uuid.UUID(int=6), "broker": "zerodha", "user_name": "AB1234",
        "sealed_token": "v1.x.y", "active": True, "created_ns": TS, "expires_ns": TS + 1,
    },
    Alert: {
        **MINE, "id": uuid.UUID(int=7), "ts": TS, "last_ns": TS, "count": 1, "kind": "feed",
        "severity": "warning", "state": "open", "subject": "feed kite", "text": "silent for 6 s",
        "facts": {}, "run_id": None,
    },
    UserSession: {
        "id": uuid.UUID(int=8), "hash": "0" * 64, "user_id": USER, "kind": "session",
        "family": uuid.UUID(int=9), "created_ns": TS, "seen_ns": TS, "expires_ns": TS + 1,
        "stepped_until_ns": None, "agent": "", "address": "127.0.0.1", "revoked": False,
    },
    CommandRequest: {
        **MINE, "id": "c1", "run_id": "r1", "verb": "kill", "scope": "account", "name": "",
        "order_id": 0, "by": "mira", "reason": "", "requested_ns": TS, "state": "asked",
        "state_ns": TS, "facts": {},
    },
    Repeat: {
        "owner_id": "mira", "key": "k1", "body_hash": "0" * 64, "status": None, "answer": None,
        "created_ns": TS,
    },
    Delivery: {
        "id": uuid.UUID(int=10), "alert_id": uuid.UUID(int=7), "channel": "log", "attempts": 0,
        "next_ns": TS, "state": "waiting", "error": None,
    },
}  # fmt: skip


def good(kind: type[Base], **changes: Any) -> Base:
    return kind(**{**GOOD[kind], **changes})
