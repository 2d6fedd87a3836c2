"""CNC sells never exceed holdings."""

from __future__ import annotations

from alphapanda.books.state import Core, OrderRole, Record
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode

NUMBER = 170
CODE = RejectionCode.HOLDINGS
PER = "signal"
SAYS = "the holdings are {limit}, it would sell {value}"
SETTLES = "--product MIS sells what is not held"

AT = (
    {"request.qty": -10, "position.qty": 15, "position.open_sell": 5},
    {"request.qty": -10, "request.product": Product.MIS},
    {
        "request.qty": -10,
        "request.role": OrderRole.STOP,
        "position.qty": 10,
        "position.open_sell": 10,
    },
    {"request.qty": -10, "request.role": 1, "position.qty": 15, "position.open_sell": 5},
)
OVER = (
    {"request.qty": -10, "position.qty": 15, "position.open_sell": 6},
    {"request.qty": -10, "request.product": Product.CNC},
    {"request.qty": -10, "request.role": OrderRole.STOP, "position.qty": 9},
    {"request.qty": -10, "request.role": 1, "position.qty": 15, "position.open_sell": 6},
)
MISSING = {"request.qty": -10, "position.qty": 0}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a delivery sell of more than is held and not already being sold.

    Of a bracket's exits one ends the other, so a change of one may cover all that is held.
    """
    if request.product != Product.CNC or request.qty >= 0:
        return False
    clock = core.clock[0]
    position = core.positions[request.strategy * clock.instruments + request.row]
    request.value = -request.qty
    request.limit = position.qty
    if request.role <= OrderRole.ENTRY:
        request.limit -= position.open_sell
    return bool(request.value > request.limit)
