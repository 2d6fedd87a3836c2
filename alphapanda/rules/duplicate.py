"""R9: the same order again: strategy, instrument, side, quantity and price within a moment."""

from __future__ import annotations

from alphapanda.core.state import PLACED, Core, Record, RequestVerb, placed_slot
from alphapanda.model.interval import SECOND
from alphapanda.model.limits import LIFTED
from alphapanda.model.rows import Code

NUMBER = 12
CODE = Code.DUPLICATE
PER = "strategy"

AT = (
    {"limits.duplicate_ns": SECOND, "orders": ((SECOND, 10, 0),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 11, 0), (1, -10, 0))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 1),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0),), "wish.verb": RequestVerb.MODIFY},
)
OVER = (
    {"limits.duplicate_ns": SECOND, "orders": ((SECOND - 1, 10, 0),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0), (1, 11, 0), (1, -10, 0))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0), *[(1, 11, 0)] * (PLACED - 1))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 11, 0),) * PLACED + ((1, 10, 0),)},
)
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse an order equal to one of the last (up to PLACED) that is younger than the limit."""
    limit = core.limits[owner].duplicate_ns
    if limit == LIFTED or wish.verb != RequestVerb.NEW:
        return False
    clock = core.clock[0]
    index = wish.strategy * clock.instruments + wish.row
    placed = core.positions[index].placed
    wish.limit = limit
    for back in range(1, min(placed, PLACED) + 1):
        slot = placed_slot(core, index, placed - back)
        wish.value = clock.now - core.ring[slot]
        if wish.value >= limit:
            return False
        if core.ring[slot + 1] == wish.qty and core.ring[slot + 2] == wish.price:
            return True
    return False
