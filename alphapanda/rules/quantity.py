"""R3: the quantity of one order, and the exchange's freeze quantity."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode
from alphapanda.model.money import VALUE_BOUND

NUMBER = 30
CODE = RejectionCode.QTY_LIMIT
PER = "both"
CLOSING = True
SAYS = "the quantity {value} is above the limit {limit}"
LIMITED_BY = "qty"

AT = (
    {"limits.qty": 100, "request.qty": 100},
    {"instrument.freeze": 100, "request.qty": -100},
    {"instrument.strike": VALUE_BOUND // 10},
    {"instrument.strike": VALUE_BOUND // 10, "request.qty": -10},
)
OVER = (
    {"limits.qty": 100, "request.qty": 101},
    {"instrument.freeze": 100, "request.qty": -101},
    {"instrument.strike": VALUE_BOUND // 10 + 1},
    {"instrument.strike": VALUE_BOUND // 10 + 1, "request.qty": -10},
)
MISSING = {"request.qty": 0}


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse nothing, more than the limit or the exchange's own, and what int64 could not value."""
    limit = core.limits[owner].qty
    instrument = core.instruments[request.row]
    freeze = instrument.freeze
    request.value = abs(request.qty)
    request.limit = limit
    if request.qty == 0 or (limit != LIFTED and abs(request.qty) > limit):
        return True
    request.limit = VALUE_BOUND // max(
        request.price, request.trigger, instrument.last, instrument.strike, 1
    )
    if request.qty > request.limit or request.qty < -request.limit:
        return True
    request.limit = freeze
    return bool(freeze != 0 and abs(request.qty) > freeze)
