"""R4: the value of one order."""

from __future__ import annotations

from alphapanda.books.funds import valued_at
from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode, Unit

NUMBER = 70
CODE = RejectionCode.VALUE_LIMIT
PER = "both"
SAYS = "the order's value {value} is above the limit {limit}"
UNIT = Unit.MONEY
LIMITED_BY = "value"

AT = (
    {"limits.value": 100_000_000, "request.qty": 100},
    {
        "limits.value": 100_000_000,
        "request.qty": -50,
        "request.kind": 1,
        "request.price": 2_000_000,
    },
)
OVER = (
    {"limits.value": 99_999_999, "request.qty": 100},
    {"limits.value": 99_999_999, "request.qty": -50, "request.kind": 1, "request.price": 2_000_000},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse an order worth more than the limit at its price (a market order's: the last)."""
    limit = core.limits[owner].value
    if limit == LIFTED:
        return False
    request.value = abs(request.qty) * valued_at(core, request)
    request.limit = limit
    return bool(request.value > limit)
