"""CNC sells never exceed holdings."""

from __future__ import annotations

from alphapanda.core.state import Core, Record, Role
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Code

NUMBER = 17
CODE = Code.HOLDINGS
PER = "signal"

AT = (
    {"wish.qty": -10, "position.qty": 15, "position.open_sell": 5},
    {"wish.qty": -10, "wish.product": Product.MIS},
    {"wish.qty": -10, "wish.role": Role.STOP, "position.qty": 10, "position.open_sell": 10},
    {"wish.qty": -10, "wish.role": 1, "position.qty": 15, "position.open_sell": 5},
)
OVER = (
    {"wish.qty": -10, "position.qty": 15, "position.open_sell": 6},
    {"wish.qty": -10, "wish.product": Product.CNC},
    {"wish.qty": -10, "wish.role": Role.STOP, "position.qty": 9},
    {"wish.qty": -10, "wish.role": 1, "position.qty": 15, "position.open_sell": 6},
)
MISSING = {"wish.qty": -10, "position.qty": 0}


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a delivery sell of more than is held and not already being sold.

    Of a bracket's exits one ends the other, so a change of one may cover all that is held.
    """
    if wish.product != Product.CNC or wish.qty >= 0:
        return False
    clock = core.clock[0]
    position = core.positions[wish.strategy * clock.instruments + wish.row]
    wish.value = -wish.qty
    wish.limit = position.qty
    if wish.role <= Role.ENTRY:
        wish.limit -= position.open_sell
    return bool(wish.value > wish.limit)
