"""R5: the value of all orders that work at once."""

from __future__ import annotations

from alphapanda.books.funds import valued_at
from alphapanda.books.state import Core, Record
from alphapanda.model.limits import LIFTED, RejectionCode, Unit

NUMBER = 80
CODE = RejectionCode.OPEN_VALUE_LIMIT
PER = "both"
SAYS = "the value of all working orders would be {value}, the limit is {limit}"
UNIT = Unit.MONEY
LIMITED_BY = "open_value"

AT = {"limits.open_value": 30_000_000, "ledger.open_value": 20_000_000}
OVER = {"limits.open_value": 30_000_000, "ledger.open_value": 20_000_001}
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse an order that would lift the open value over the limit."""
    limit = core.limits[owner].open_value
    if limit == LIFTED:
        return False
    request.value = core.ledgers[owner].open_value + abs(request.qty) * valued_at(core, request)
    request.limit = limit
    return bool(request.value > limit)
