"""R5: the value of all orders that work at once."""

from __future__ import annotations

from alphapanda.core.funds import valued_at
from alphapanda.core.state import Core, Record
from alphapanda.model.limits import LIFTED
from alphapanda.model.rows import Code

NUMBER = 8
CODE = Code.OPEN_VALUE_LIMIT
PER = "both"

AT = {"limits.open_value": 30_000_000, "ledger.open_value": 20_000_000}
OVER = {"limits.open_value": 30_000_000, "ledger.open_value": 20_000_001}
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse an order that would lift the open value over the limit."""
    limit = core.limits[owner].open_value
    if limit == LIFTED:
        return False
    wish.value = core.ledgers[owner].open_value + abs(wish.qty) * valued_at(core, wish)
    wish.limit = limit
    return bool(wish.value > limit)
