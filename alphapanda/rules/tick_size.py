"""R2: a price on the instrument's tick. A tick of 0 is unknown to the source and not checked."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code, Kind

NUMBER = 4
CODE = Code.TICK_SIZE
PER = "signal"
CLOSING = True

AT = (
    {"instrument.tick": 500, "wish.kind": 1, "wish.price": 1_000_500},
    {"instrument.tick": 500, "wish.kind": 2, "wish.price": 1_000_500},
)
OVER = (
    {"instrument.tick": 500, "wish.kind": 1, "wish.price": 1_000_501},
    {"instrument.tick": 500, "wish.kind": 2, "wish.price": 1_000_501},
)
MISSING = (
    {"wish.kind": 1, "wish.price": 0},
    {"wish.kind": 2, "wish.price": 0, "wish.trigger": 1},
)


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a price off the tick, and a kind whose price is not given."""
    tick = core.instruments[wish.row].tick
    wish.value = wish.price
    wish.limit = tick
    if (wish.kind == Kind.LIMIT or wish.kind == Kind.STOP_LIMIT) and wish.price <= 0:
        return True
    return bool(tick != 0 and wish.price % tick != 0)
