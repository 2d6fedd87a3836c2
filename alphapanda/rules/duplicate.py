"""R9: the same order again: strategy, instrument, side, quantity and price within a moment."""

from __future__ import annotations

from alphapanda.model.interval import SECOND
from alphapanda.model.rows import Code
from alphapanda.model.state import LIFTED, Core, Record, Verb

NUMBER = 11
CODE = Code.DUPLICATE
PER = "strategy"

AT = (
    {"limits.duplicate_ns": SECOND, "position.last_qty": 10, "position.last_ts": SECOND},
    {"limits.duplicate_ns": SECOND, "position.last_qty": 11, "position.last_ts": SECOND + 1},
    {
        "limits.duplicate_ns": SECOND,
        "position.last_qty": 10,
        "position.last_price": 1,
        "position.last_ts": SECOND + 1,
    },
    {
        "limits.duplicate_ns": SECOND,
        "position.last_qty": 10,
        "position.last_ts": SECOND + 1,
        "wish.verb": Verb.MODIFY,
    },
)
OVER = (
    {"limits.duplicate_ns": SECOND + 1, "position.last_qty": 10, "position.last_ts": SECOND},
    {"limits.duplicate_ns": SECOND, "position.last_qty": 10, "position.last_ts": SECOND + 1},
    {"limits.duplicate_ns": SECOND, "position.last_qty": 10, "position.last_ts": SECOND + 1},
    {"limits.duplicate_ns": SECOND, "position.last_qty": 10, "position.last_ts": SECOND + 1},
)
MISSING = None


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse an order equal to the last one if that one is younger than the limit."""
    limit = core.limits[owner].duplicate_ns
    if limit == LIFTED or wish.verb != Verb.NEW:
        return False
    clock = core.clock[0]
    position = core.positions[wish.strategy * clock.instruments + wish.row]
    wish.value = clock.now - position.last_ts
    wish.limit = limit
    return bool(
        position.last_qty == wish.qty and position.last_price == wish.price and wish.value < limit
    )
