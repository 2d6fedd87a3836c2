"""FUNDS: cash for what is bought for delivery, margin for what else opens a position.

A buy counts at the worst price that its protection lets it have, and with its charges.
"""

from __future__ import annotations

from alphapanda.books.funds import free_funds, needed_funds, valued_at
from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode, Unit

NUMBER = 180
CODE = RejectionCode.FUNDS
PER = "signal"
SAYS = "it needs {value}, there is {limit}"
UNIT = Unit.MONEY
SETTLES = "--cash AMOUNT gives more of it"

AT = (
    {"account.cash": 10_000_000},
    {"account.cash": 2_000_000, "position.margin_rate": 2_000_000, "request.qty": -10},
    {"account.cash": 10_000_000, "account.blocked": 1, "account.margin": 1, "ledger.cash": 2},
    {"account.cash": -1, "request.qty": -10},
)
OVER = (
    {"account.cash": 9_999_999},
    {"account.cash": 1_999_999, "position.margin_rate": 2_000_000, "request.qty": -10},
    {"account.cash": 10_000_000, "account.blocked": 1, "account.margin": 1, "ledger.cash": 1},
    {"account.cash": -1},
)
MISSING = {"account.cash": 0}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse what would block more than is free."""
    request.value = needed_funds(core, request, request.qty, valued_at(core, request))
    request.limit = free_funds(core)
    return bool(request.value != 0 and request.value > request.limit)
