"""R2: prices on the instrument's tick. A tick of 0 is unknown to the source and not checked."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.rows import Code, Kind

NUMBER = 4
CODE = Code.TICK_SIZE
PER = "signal"
CLOSING = True

AT = (
    {"instrument.tick": 500, "wish.kind": 1, "wish.price": 1_000_500},
    {"instrument.tick": 500, "wish.kind": 3, "wish.trigger": 1_000_500},
    {"instrument.tick": 500, "wish.stop": 500},
    {"instrument.tick": 500, "wish.target": 500},
    {"instrument.tick": 500, "wish.trail": 500},
)
OVER = (
    {"instrument.tick": 500, "wish.kind": 1, "wish.price": 1_000_501},
    {"instrument.tick": 500, "wish.kind": 3, "wish.trigger": 1_000_501},
    {"instrument.tick": 500, "wish.stop": 501},
    {"instrument.tick": 500, "wish.target": 501},
    {"instrument.tick": 500, "wish.trail": 501},
)
MISSING = (
    {"wish.kind": 1, "wish.price": 0},
    {"wish.kind": 2, "wish.price": 0, "wish.trigger": 1},
    {"wish.kind": 2, "wish.price": 1},
    {"wish.kind": 3},
)


def check(core: Core, wish: Record, owner: int) -> bool:
    """Refuse a price, trigger or exit off the tick, and a kind whose price is not given."""
    tick = core.instruments[wish.row].tick
    wish.value = wish.price
    wish.limit = tick
    if (wish.kind == Kind.LIMIT or wish.kind == Kind.STOP_LIMIT) and wish.price <= 0:
        return True
    if wish.kind >= Kind.STOP_LIMIT and wish.trigger <= 0:
        return True
    if tick == 0:
        return False
    if wish.price % tick != 0 or wish.trigger % tick != 0:
        return True
    return bool(wish.stop % tick != 0 or wish.target % tick != 0 or wish.trail % tick != 0)
