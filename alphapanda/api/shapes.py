"""Rows of the tables as the API shows them: money as decimal strings, what is missing null."""

from __future__ import annotations

from typing import Any

from alphapanda.model.money import text
from alphapanda.projection.changes import MONEY
from alphapanda.store.access import CommandRequest
from alphapanda.store.base import Base
from alphapanda.store.people import Alert

KEPT_BACK = {"owner_id", "account_id", "event_id", "manifest"}
RENAMED = {"run_id": "run", "last": "last_fill", "order_id": "order", "bound": "limit"}


def row_shown(row: Base) -> dict[str, Any]:
    """Return a row of a projected table; `last` of a position is that of its last fill."""
    found: dict[str, Any] = {}
    for column in row.__table__.columns:
        if column.name not in KEPT_BACK:
            value = getattr(row, column.name)
            if column.name in MONEY and value is not None:
                value = text(value)
            found[RENAMED.get(column.name, column.name)] = value
    return found


def alert_shown(row: Alert) -> dict[str, Any]:
    """Return an alert."""
    return {
        "id": str(row.id), "ts": row.ts, "last_ns": row.last_ns, "count": row.count,
        "kind": row.kind, "severity": row.severity, "state": row.state, "subject": row.subject,
        "text": row.text, "facts": row.facts, "run": row.run_id,
    }  # fmt: skip


def command_shown(row: CommandRequest) -> dict[str, Any]:
    """Return a command, and what became of it."""
    return {
        "id": row.id, "run": row.run_id, "verb": row.verb, "scope": row.scope, "name": row.name,
        "order": row.order_id or None, "by": row.by, "reason": row.reason,
        "asked_ns": row.requested_ns, "state": row.state, "state_ns": row.state_ns,
        "facts": row.facts,
    }  # fmt: skip
