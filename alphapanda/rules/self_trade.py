"""R11: an order that would meet an own order resting on the other side."""

from __future__ import annotations

from alphapanda.core.state import Core, OrderState, Record
from alphapanda.model.rows import Code, Kind

NUMBER = 14
CODE = Code.SELF_TRADE
PER = "signal"

AT = (
    {"wish.kind": 1, "wish.price": 1_000_000, "resting": (-10, 1_000_500)},
    {"wish.kind": 1, "wish.price": 1_000_500, "wish.qty": -10, "resting": (10, 1_000_000)},
    {"resting": (10, 1_000_000)},
    {"wish.qty": -10, "resting": (-10, 1_000_000)},
    {"wish.kind": 2, "wish.price": 1_000_500, "resting": (-10, 1_000_000)},
)
OVER = (
    {"wish.kind": 1, "wish.price": 1_000_500, "resting": (-10, 1_000_500)},
    {"wish.kind": 1, "wish.price": 1_000_000, "wish.qty": -10, "resting": (10, 1_000_000)},
    {"resting": (-10, 1_000_000)},
    {"wish.qty": -10, "resting": (10, 1_000_000)},
    {"wish.kind": 1, "wish.price": 1_000_001, "resting": (-10, 1_000_000)},
)
MISSING = None


def meets(wish: Record, order: Record) -> bool:
    """Say if a signal's price reaches a resting order on the other side."""
    if wish.kind >= Kind.STOP_LIMIT or order.id == wish.id:
        return False
    if wish.qty > 0 and order.qty < 0:
        return bool(wish.kind == Kind.MARKET or wish.price >= order.price)
    if wish.qty < 0 and order.qty > 0:
        return bool(wish.kind == Kind.MARKET or wish.price <= order.price)
    return False


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse what would trade with any strategy's order of the same account."""
    slot = core.instruments[wish.row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.state != OrderState.DONE and order.kind == Kind.LIMIT and meets(wish, order):
            wish.value = wish.price
            wish.limit = order.price
            return True
        slot = order.next
    return False
