"""R11: an order that would meet an own order resting on the other side."""

from __future__ import annotations

from alphapanda.books.state import Core, OrderState, Record
from alphapanda.model.limits import RejectionCode, Unit
from alphapanda.model.rows import Kind

NUMBER = 140
CODE = RejectionCode.SELF_TRADE
PER = "signal"
SAYS = "it would trade with an order of this account at {value}"
UNIT = Unit.MONEY
SETTLES = "orders of one account must not meet: cancel the other one first"

AT = (
    {"request.kind": 1, "request.price": 1_000_000, "resting": (-10, 1_000_500)},
    {"request.kind": 1, "request.price": 1_000_500, "request.qty": -10, "resting": (10, 1_000_000)},
    {"resting": (10, 1_000_000)},
    {"request.qty": -10, "resting": (-10, 1_000_000)},
    {"request.kind": 2, "request.price": 1_000_500, "resting": (-10, 1_000_000)},
)
OVER = (
    {"request.kind": 1, "request.price": 1_000_500, "resting": (-10, 1_000_500)},
    {"request.kind": 1, "request.price": 1_000_000, "request.qty": -10, "resting": (10, 1_000_000)},
    {"resting": (-10, 1_000_000)},
    {"request.qty": -10, "resting": (10, 1_000_000)},
    {"request.kind": 1, "request.price": 1_000_001, "resting": (-10, 1_000_000)},
)
MISSING = None


def meets(request: Record, order: Record) -> bool:
    """Say if a signal's price reaches a resting order on the other side."""
    if request.kind >= Kind.STOP_LIMIT or order.id == request.id:
        return False
    if request.qty > 0 and order.qty < 0:
        return bool(request.kind == Kind.MARKET or request.price >= order.price)
    if request.qty < 0 and order.qty > 0:
        return bool(request.kind == Kind.MARKET or request.price <= order.price)
    return False


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse what would trade with any strategy's order of the same account."""
    slot = core.instruments[request.row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state != OrderState.CLOSED and order.kind == Kind.LIMIT and meets(request, order):
            request.value = request.price
            request.limit = order.price
            return True
        slot = order.next
    return False
