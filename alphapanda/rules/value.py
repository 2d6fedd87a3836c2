"""R4: the value of one order."""

from __future__ import annotations

from alphapanda.core.funds import valued_at
from alphapanda.core.state import Core, Record
from alphapanda.model.limits import LIFTED
from alphapanda.model.rows import Code

NUMBER = 7
CODE = Code.VALUE_LIMIT
PER = "both"

AT = (
    {"limits.value": 100_000_000, "wish.qty": 100},
    {"limits.value": 100_000_000, "wish.qty": -50, "wish.kind": 1, "wish.price": 2_000_000},
)
OVER = (
    {"limits.value": 99_999_999, "wish.qty": 100},
    {"limits.value": 99_999_999, "wish.qty": -50, "wish.kind": 1, "wish.price": 2_000_000},
)
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse an order worth more than the limit at its price (a market order's: the last)."""
    limit = core.limits[owner].value
    if limit == LIFTED:
        return False
    wish.value = abs(wish.qty) * valued_at(core, wish)
    wish.limit = limit
    return bool(wish.value > limit)
