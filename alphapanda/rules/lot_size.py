"""R2: whole lots."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode

NUMBER = 50
CODE = RejectionCode.LOT_SIZE
PER = "signal"
CLOSING = True
SAYS = "the quantity {value} is no multiple of the lot {limit}"
SETTLES = "quantities must be multiples of the lot; --instruments FILE has it"

AT = (
    {"instrument.lot": 25, "request.qty": 50},
    {"instrument.lot": 25, "request.qty": -50},
)
OVER = (
    {"instrument.lot": 25, "request.qty": 51},
    {"instrument.lot": 25, "request.qty": -51},
)
MISSING = {"instrument.lot": 0}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a quantity that is no whole number of lots."""
    lot = core.instruments[request.row].lot
    if lot == 1:
        return False
    request.value = abs(request.qty)
    request.limit = lot
    return bool(lot <= 0 or request.qty % lot != 0)
