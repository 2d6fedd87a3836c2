"""FUNDS: cash for what is bought for delivery, margin for what else opens a position."""

from __future__ import annotations

from alphapanda.core.funds import free_funds, needed_funds, valued_at
from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code

NUMBER = 18
CODE = Code.FUNDS
PER = "signal"

AT = (
    {"account.cash": 10_000_000},
    {"account.cash": 2_000_000, "position.margin_rate": 2_000_000, "wish.qty": -10},
    {"account.cash": 10_000_000, "account.blocked": 1, "account.margin": 1, "ledger.cash": 2},
    {"account.cash": -1, "wish.qty": -10},
)
OVER = (
    {"account.cash": 9_999_999},
    {"account.cash": 1_999_999, "position.margin_rate": 2_000_000, "wish.qty": -10},
    {"account.cash": 10_000_000, "account.blocked": 1, "account.margin": 1, "ledger.cash": 1},
    {"account.cash": -1},
)
MISSING = {"account.cash": 0}


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse what would block more than is free."""
    clock = core.clock[0]
    position = core.positions[wish.strategy * clock.instruments + wish.row]
    instrument = core.instruments[wish.row]
    wish.value = needed_funds(position, instrument, wish.qty, valued_at(core, wish))
    wish.limit = free_funds(core)
    return bool(wish.value != 0 and wish.value > wish.limit)
