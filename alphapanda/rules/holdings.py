"""CNC sells never exceed holdings."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Code

NUMBER = 17
CODE = Code.HOLDINGS
PER = "signal"

AT = (
    {"wish.qty": -10, "position.qty": 15, "position.open_sell": 5},
    {"wish.qty": -10, "wish.product": Product.MIS},
)
OVER = (
    {"wish.qty": -10, "position.qty": 15, "position.open_sell": 6},
    {"wish.qty": -10, "wish.product": Product.CNC},
)
MISSING = {"wish.qty": -10, "position.qty": 0}


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a delivery sell of more than is held and not already being sold."""
    if wish.product != Product.CNC or wish.qty >= 0:
        return False
    clock = core.clock[0]
    position = core.positions[wish.strategy * clock.instruments + wish.row]
    wish.value = -wish.qty
    wish.limit = position.qty - position.open_sell
    return bool(wish.value > wish.limit)
