"""R2: a price on the instrument's tick. A tick of 0 is unknown to the source and not checked."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode, Unit
from alphapanda.model.rows import Kind

NUMBER = 40
CODE = RejectionCode.TICK_SIZE
PER = "signal"
CLOSING = True
SAYS = "the price {value} is no multiple of the tick {limit}"
UNIT = Unit.MONEY
SETTLES = "prices must be multiples of the tick, which --instruments FILE tells"

AT = (
    {"instrument.tick": 500, "request.kind": 1, "request.price": 1_000_500},
    {"instrument.tick": 500, "request.kind": 2, "request.price": 1_000_500},
)
OVER = (
    {"instrument.tick": 500, "request.kind": 1, "request.price": 1_000_501},
    {"instrument.tick": 500, "request.kind": 2, "request.price": 1_000_501},
)
MISSING = (
    {"request.kind": 1, "request.price": 0},
    {"request.kind": 2, "request.price": 0, "request.trigger": 1},
)


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse a price off the tick, and a kind whose price is not given."""
    tick = core.instruments[request.row].tick
    request.value = request.price
    request.limit = tick
    if (request.kind == Kind.LIMIT or request.kind == Kind.STOP_LIMIT) and request.price <= 0:
        return True
    return bool(tick != 0 and request.price % tick != 0)
