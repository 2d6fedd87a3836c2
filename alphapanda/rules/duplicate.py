"""R9: the same order again: strategy, instrument, side, quantity and price within a moment."""

from __future__ import annotations

from alphapanda.books.state import PLACED, Core, Record, RequestVerb, placed_slot
from alphapanda.model.interval import SECOND
from alphapanda.model.limits import LIFTED, RejectionCode

NUMBER = 120
CODE = RejectionCode.DUPLICATE
PER = "strategy"
SAYS = "the same order came a moment ago"
LIMITED_BY = "duplicate"

AT = (
    {"limits.duplicate_ns": SECOND, "orders": ((SECOND, 10, 0),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 11, 0), (1, -10, 0))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 1),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0),), "request.verb": RequestVerb.MODIFY},
)
OVER = (
    {"limits.duplicate_ns": SECOND, "orders": ((SECOND - 1, 10, 0),)},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0), (1, 11, 0), (1, -10, 0))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 10, 0), *[(1, 11, 0)] * (PLACED - 1))},
    {"limits.duplicate_ns": SECOND, "orders": ((1, 11, 0),) * PLACED + ((1, 10, 0),)},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse an order equal to one of the last (up to PLACED) that is younger than the limit."""
    limit = core.limits[owner].duplicate_ns
    if limit == LIFTED or request.verb != RequestVerb.NEW:
        return False
    clock = core.clock[0]
    index = request.strategy * clock.instruments + request.row
    placed = core.positions[index].placed
    request.limit = limit
    for back in range(1, min(placed, PLACED) + 1):
        slot = placed_slot(core, index, placed - back)
        request.value = clock.now - core.ring[slot]
        if request.value >= limit:
            return False
        if core.ring[slot + 1] == request.qty and core.ring[slot + 2] == request.price:
            return True
    return False
